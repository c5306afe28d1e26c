# A web server like any other: it listens on $PORT. Perl's own library is all that it uses.
use strict;
use warnings;
use IO::Socket::INET;

my $port = $ENV{PORT} || 8080;
my $server = IO::Socket::INET->new(LocalPort => $port, Listen => 16, ReuseAddr => 1)
  or die "cannot listen on $port: $!";

while (my $client = $server->accept) {
    my ($method, $path) = split / /, (<$client> || '');
    my $length = 0;
    while (my $header = <$client>) {
        last if $header =~ /^\r?\n$/;
        $length = $1 if $header =~ /^content-length:\s*(\d+)/i;
    }
    read $client, my $body, $length;
    my $answer = scalar(reverse $body) . "\n";
    print $client "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n",
      "content-length: ", length $answer, "\r\nconnection: close\r\n\r\n", $answer;
    close $client;
}
