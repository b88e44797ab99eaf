<?php

// Throws unless the request was signed with the secret within five minutes.
// $body: file_get_contents('php://input').
function verify_webhook(string $secret, array $headers, string $body): void
{
    $id = $headers['webhook-id'] ?? '';
    $timestamp = $headers['webhook-timestamp'] ?? '';
    if ($id === '' || !ctype_digit($timestamp)) {
        throw new RuntimeException('a header is missing');
    }
    if (abs(time() - (int) $timestamp) > 300) {
        throw new RuntimeException('too old, or from the future');
    }

    $key = base64_decode(preg_replace('/^whsec_/', '', $secret));
    $signed = "$id.$timestamp.$body";
    $expected = base64_encode(hash_hmac('sha256', $signed, $key, true));

    // While a secret is rotated there are two.
    foreach (explode(' ', $headers['webhook-signature'] ?? '') as $signature) {
        [$version, $value] = array_pad(explode(',', $signature, 2), 2, '');
        if ($version === 'v1' && hash_equals($expected, $value)) {
            return;
        }
    }
    throw new RuntimeException('the signature is wrong');
}
