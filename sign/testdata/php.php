<?php
// Writes php.json: what PHP's own json functions make of odd bodies, and the verdict of the receiver the
// protocol documents. Run: php testdata/php.php > testdata/php.json
const KEY = 'test-payment-api-key';

// The documented receiver.
function accepts(string $body): bool {
    $data = json_decode($body, true);
    if (!is_array($data) || !is_string($data['sign'] ?? null)) return false;
    $sign = $data['sign'];
    unset($data['sign']);
    $text = json_encode($data, JSON_UNESCAPED_UNICODE);
    return $text !== false && hash_equals(md5(base64_encode($text) . KEY), $sign);
}

$members = [
    'slash' => '"a":"/","b":"\/"',
    'latin, emoji, half-space' => '"a":"\u00e9\u00E9é","b":"\ud83d\ude00😀","c":"\u200cمی‌خواهم"',
    'line separators' => '"a":"\u2028\u2029' . "\u{2028}\u{2029}" . '"',
    'control characters' => '"a":"\u0000\u0001\b\f\n\r\t\u001f\u007f' . "\x7f" . '"',
    'short escapes written long' => '"a":"\u0008\u000c\u000a\u000D\u0009\u0022\u005c\u002f"',
    'html' => '"a":"<>&\u0027\u003c"',
    'last code points' => '"a":"\uffff\ufffe' . "\u{10ffff}\u{e000}\u{d7ff}" . '"',
    'names' => '"é\/\"":1,"":2,"_empty_":3,"\u0000a":4,"A":5,"a":6',
    'empty object and list' => '"a":{},"b":[],"c":[{}],"d":{"x":{}}',
    'list written as object' => '"a":{"0":"x","1":"y"},"b":{"0":{"0":1}},"c":{"1":1,"0":2},"d":{"1":1},"e":{"0":1,"2":2},"f":{"00":1},"g":{"0":1,"x":2}',
    'integer-like names' => '"10":1,"2":2,"-1":3,"-0":4,"01":5,"9223372036854775807":6,"9223372036854775808":7',
    'a top level that becomes a list' => '"0":"a","1":"b"',
    'nothing else' => '',
    'integers' => '"a":0,"b":-0,"c":9007199254740993,"d":9223372036854775807,"e":-9223372036854775808',
    'integers beyond 64 bits' => '"a":9223372036854775808,"b":-9223372036854775809,"c":100000000000000000000,"d":123456789012345678901234567890',
    'fractions' => '"a":1.0,"b":1.50,"c":0.1,"d":-0.0,"e":0.30000000000000004,"f":12345.678e-3,"g":1234567890123456.7,"h":0.00,"i":-1.5',
    'exponents' => '"a":1e3,"b":1E+3,"c":1E-7,"d":1e15,"e":1e16,"f":1e17,"g":-2e17,"h":1e22,"i":1.5e300,"j":0e5,"k":-0e1',
    'small numbers' => '"a":0.001,"b":0.0001,"c":0.00001,"d":0.00012345,"e":0.000012345,"f":5e-324,"g":1e-400,"h":-1e-400,"i":2.5e-10',
    'large numbers' => '"a":1.7976931348623157e308,"b":123456789012345680.0,"c":99999999999999990.0,"d":12345678901234567.0',
    'infinite' => '"a":1e309',
    'infinite below' => '"a":-1e400',
    'literals' => '"a":true,"b":false,"c":null',
    'literal in capitals' => '"a":TRUE',
    'blanks' => "\n \"a\" :\t1 ,\r\n \"b\" : [ 1 , 2 ] ",
    'name twice' => '"a":1,"b":2,"a":3',
    'name twice, one escaped' => '"a":1,"\u0061":1',
    'name twice, nested' => '"x":{"a":1,"a":1}',
    'half a surrogate pair' => '"a":"\ud800"',
    'second half alone' => '"a":"\udc00"',
    'first half and a letter' => '"a":"\ud800\u0041"',
    'halves swapped' => '"a":"\ude00\ud83d"',
    'escaped backslash before u' => '"a":"\\\\ud800"',
    'name with half a pair' => '"\ud800":1',
    'raw control character' => "\"a\":\"\x01\"",
    'raw newline in text' => "\"a\":\"\n\"",
    'vertical tab between' => "\x0b\"a\":1",
    'byte that is not UTF-8' => "\"a\":\"\xff\"",
    'overlong' => "\"a\":\"\xc0\xaf\"",
    'surrogate in UTF-8' => "\"a\":\"\xed\xa0\x80\"",
    'beyond unicode' => "\"a\":\"\xf4\x90\x80\x80\"",
    'trailing comma' => '"a":1,',
    'leading zero' => '"a":01',
    'plus' => '"a":+1',
    'bare point' => '"a":.5',
    'point without digits' => '"a":5.',
    'hexadecimal' => '"a":0x10',
    'unknown escape' => '"a":"\x"',
    'single quotes' => "'a':1",
    'comment' => '"a":1/**/',
    'NaN' => '"a":NaN',
    'deep' => '"a":' . str_repeat('[', 510) . str_repeat(']', 510),
    'too deep' => '"a":' . str_repeat('[', 511) . str_repeat(']', 511),
    'deep objects' => '"a":' . str_repeat('{"a":', 510) . '1' . str_repeat('}', 510),
    'too deep objects' => '"a":' . str_repeat('{"a":', 511) . '1' . str_repeat('}', 511),
];

$rows = [];
foreach ($members as $name => $text) {
    $data = json_decode('{' . $text . '}', true);
    $signed = is_array($data) ? json_encode($data, JSON_UNESCAPED_UNICODE) : false;
    // What cannot be signed is signed as false, the way a careless receiver would.
    $sign = '"sign":"' . md5(base64_encode((string) $signed) . KEY) . '"';
    $comma = $text === '' ? '' : ',';
    foreach (['last' => $text . $comma . $sign, 'first' => $sign . $comma . $text] as $place => $inner) {
        $wire = '{' . $inner . '}';
        $rows[] = ['name' => "$name, sign $place", 'wire' => base64_encode($wire), 'signed' => $signed, 'accepted' => accepts($wire)];
    }
}

$sign = fn(string $signed): string => md5(base64_encode($signed) . KEY);
$whole = [
    'sign between others' => '{"a":1,"sign":"' . $sign('{"a":1,"b":2}') . '","b":2}',
    'sign with an escaped name' => '{"a":1,"\u0073ign":"' . $sign('{"a":1}') . '"}',
    'sign twice, the last is right' => '{"a":1,"sign":"x","sign":"' . $sign('{"a":1}') . '"}',
    'sign twice, the first is right' => '{"a":1,"sign":"' . $sign('{"a":1}') . '","sign":"x"}',
    'sign in capitals' => '{"a":1,"sign":"' . strtoupper($sign('{"a":1}')) . '"}',
    'sign under another name' => '{"a":1,"Sign":"' . $sign('{"a":1}') . '"}',
    'sign nested' => '{"a":{"sign":"' . $sign('{"a":[]}') . '"}}',
    'sign empty' => '{"a":1,"sign":""}',
    'sign null' => '{"a":1,"sign":null}',
    'sign a number' => '{"a":1,"sign":1}',
    'sign a list' => '{"a":1,"sign":["' . $sign('{"a":1}') . '"]}',
    'sign with a blank' => '{"a":1,"sign":"' . $sign('{"a":1}') . ' "}',
    'no sign' => '{"a":1}',
    'a list' => '["' . $sign('[]') . '"]',
    'a text' => '"' . $sign('') . '"',
    'null' => 'null',
    'empty' => '',
    'blanks around' => " \r\n\t{\"a\":1,\"sign\":\"" . $sign('{"a":1}') . "\"}\n",
    'byte order mark' => "\xef\xbb\xbf{\"a\":1,\"sign\":\"" . $sign('{"a":1}') . '"}',
    'something behind' => '{"a":1,"sign":"' . $sign('{"a":1}') . '"}{}',
    'NUL behind' => '{"a":1,"sign":"' . $sign('{"a":1}') . "\"}\0",
    'members reordered' => '{"b":2,"a":1,"sign":"' . $sign('{"a":1,"b":2}') . '"}',
    'signed with bare slashes' => '{"a":"/","sign":"' . $sign('{"a":"/"}') . '"}',
    'signed with escaped unicode' => '{"a":"\u00e9","sign":"' . $sign('{"a":"\u00e9"}') . '"}',
    'signed with raw line separator' => "{\"a\":\"\u{2028}\",\"sign\":\"" . $sign("{\"a\":\"\u{2028}\"}") . '"}',
    'signed false' => '{"a":1e999,"sign":"' . $sign('') . '"}',
    'signed null' => '{"a":"' . "\xff" . '","sign":"' . $sign('null') . '"}',
];
foreach ($whole as $name => $wire) {
    $rows[] = ['name' => $name, 'wire' => base64_encode($wire), 'signed' => null, 'accepted' => accepts($wire)];
}
echo json_encode($rows, JSON_PRETTY_PRINT | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR), "\n";
