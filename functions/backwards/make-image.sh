# Makes image.tar, as "docker build" and "docker save" would, without Docker and without a registry:
# this machine's own perl with the libraries that it needs, and server.pl.
set -eu
image=$(mktemp -d)
trap 'rm -rf "$image"' EXIT

perl=$(command -v perl)
libraries=$(ldd "$perl" | grep -o '/[^ ]*')
modules=$(perl -e 'print join "\n", grep { -d && m{^/usr/lib/.*/perl-base$} } @INC')
reproducible='--sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner'

tar --create --file "$image/layer.tar" --dereference --hard-dereference $reproducible \
  --directory / $(printf '%s\n' "$perl" "$libraries" "$modules" | sed 's|^/||') \
  --directory "$PWD" --transform 's|^server.pl$|app/server.pl|' server.pl

layer=$(sha256sum "$image/layer.tar" | cut -c 1-64)
architecture=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
cat > "$image/config.json" <<EOF
{ "architecture": "$architecture", "os": "linux",
  "config": { "Entrypoint": ["$perl", "/app/server.pl"], "User": "1000:1000",
              "ExposedPorts": { "8080/tcp": {} } },
  "rootfs": { "type": "layers", "diff_ids": ["sha256:$layer"] } }
EOF
echo '[{ "Config": "config.json", "Layers": ["layer.tar"], "RepoTags": ["backwards:latest"] }]' > "$image/manifest.json"
tar --create --file image.tar $reproducible --directory "$image" config.json layer.tar manifest.json
