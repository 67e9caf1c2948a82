<?php
// php -S 127.0.0.1:3000 receiver.php      SECRET is the endpoint's whsec_…

function verified(string $id, string $time, string $signatures, string $body, string $secret): bool
{
    if ($id === '' || abs(time() - (int) $time) > 300) {
        return false; // too old: somebody may be replaying it
    }
    $key = base64_decode(substr($secret, strlen('whsec_')));
    $want = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$time.$body", $key, true));
    foreach (explode(' ', $signatures) as $signature) { // two while a secret is being rotated
        if (hash_equals($want, $signature)) {
            return true;
        }
    }
    return false;
}

$body = file_get_contents('php://input'); // the bytes as they came
$id = $_SERVER['HTTP_WEBHOOK_ID'] ?? '';
if (!verified($id, $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '', $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '', $body, getenv('SECRET'))) {
    http_response_code(401);
    exit;
}
$message = json_decode($body, true);
// Store $id and do nothing when it is there already; ignore a version older than the last one of this order.
error_log("$id {$message['event']} {$message['order_id']} {$message['version']}");
http_response_code(204); // answer first, work afterwards
