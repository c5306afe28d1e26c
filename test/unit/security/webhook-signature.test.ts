import { expect, test } from 'vitest';
import { signWebhook } from '../../../src/security/webhook-signature.ts';

test('a webhook is signed as Standard Webhooks says: its own example', () => {
  const body = Buffer.from('{"test": 2432232314}');
  const now = new Date(1_614_265_330_000);
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  expect(signWebhook(secret, 'msg_p5jXN8AQM9LWM0D4loKWxJek', body, now)).toEqual({
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});
