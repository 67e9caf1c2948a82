<?php
// What the samples use of PHP's curl extension, for machines where it is not installed.
if (!function_exists('curl_init')) {
    define('CURLOPT_RETURNTRANSFER', 1);
    define('CURLOPT_CUSTOMREQUEST', 2);
    define('CURLOPT_POSTFIELDS', 3);
    define('CURLOPT_HTTPHEADER', 4);
    define('CURLINFO_RESPONSE_CODE', 5);

    function curl_init(string $url): object
    {
        return (object) ['url' => $url, 'options' => [], 'status' => 0];
    }

    function curl_setopt_array(object $call, array $options): bool
    {
        $call->options = $options;
        return true;
    }

    function curl_exec(object $call)
    {
        $o = $call->options;
        $headers = $o[CURLOPT_HTTPHEADER] ?? [];
        if (isset($o[CURLOPT_POSTFIELDS]) && !preg_grep('/^content-type:/i', $headers)) {
            $headers[] = 'Content-Type: application/x-www-form-urlencoded';
        }
        $body = file_get_contents($call->url, false, stream_context_create(['http' => [
            'method' => $o[CURLOPT_CUSTOMREQUEST] ?? 'GET',
            'header' => $headers,
            'content' => $o[CURLOPT_POSTFIELDS] ?? '',
            'ignore_errors' => true,
            'follow_location' => 0,
        ]]));
        $call->status = (int) explode(' ', $http_response_header[0])[1];
        return $body;
    }

    function curl_getinfo(object $call, int $what): int
    {
        return $call->status;
    }
}
