<?php
// WOM over HTTP, with PHP 8 and no extension.
//
//   php wom.php award KEY MINUTES    a back end awards minutes and hands the code over
//   php wom.php charge BILL AMOUNT   a till asks for WOM, waits, and gives the discount once
//   php wom.php webhook              a CGI script takes a signed webhook of the service
//
// WOM_URL and WOM_TOKEN say where and who, WOM_WEBHOOK_SECRET is the webhook's secret.

declare(strict_types=1);

/** Asks until there is an answer: the same key again is the same award, the same payment. */
function ask(string $method, string $path, ?array $body = null, ?string $key = null): ?array
{
    $headers = ['Authorization: Bearer ' . getenv('WOM_TOKEN'), 'Connection: close'];
    if ($key !== null) {
        $headers[] = "Idempotency-Key: $key";
    }
    if ($body !== null) {
        $headers[] = 'Content-Type: application/json';
    }
    $request = stream_context_create(['http' => [
        'method' => $method,
        'header' => $headers,
        'content' => $body === null ? '' : json_encode($body),
        'timeout' => 60,
        'ignore_errors' => true,
    ]]);
    foreach ([1, 2, 4, 8, null] as $pause) {
        $http_response_header = [];
        $text = @file_get_contents(getenv('WOM_URL') . $path, false, $request);
        $status = (int) (explode(' ', $http_response_header[0] ?? '')[1] ?? 0);
        if ($status >= 200 && $status < 300) {
            return json_decode($text, true);
        }
        // No answer, or one of a proxy: it may have happened or not.
        $problem = json_decode((string) $text, true)
            ?? ['code' => "http_$status", 'detail' => 'no answer', 'retry' => 'same_key'];
        if ($pause === null || $problem['retry'] === 'never') {
            fail("$problem[code]: $problem[detail]");
        }
        $wait = preg_grep('/^Retry-After:/i', $http_response_header);
        sleep(max($pause, (int) substr((string) reset($wait), strlen('Retry-After:'))));
    }
}

function award(string $key, string $minutes): void
{
    $place = ['latitude' => 43.7263, 'longitude' => 12.6366];
    $wanted = ['aim' => 'H', 'minutes' => (int) $minutes, 'place' => $place];
    $award = ask('POST', '/awards?wait=30', $wanted, $key);
    while (!isset($award['code'])) {
        if ($award['state'] === 'acknowledged') {
            echo "handed over before\n";
            return;
        }
        if (in_array($award['state'], ['held', 'parked'], true)) {
            fail("a person has to look: $award[reason]");
        }
        $award = ask('GET', "/awards/$award[id]?wait=30");
    }
    hand_over($award['code']);
    ask('POST', "/awards/$award[id]/acknowledge");
}

function charge(string $bill, string $amount): void
{
    $wanted = ['amount' => (int) $amount, 'filter' => ['aim' => 'H']];
    $checkout = ask('POST', '/checkouts', $wanted, "bill $bill");
    if (isset($checkout['code'])) {
        hand_over($checkout['code']);
    }
    while ($checkout['state'] === 'shown') {
        $checkout = ask('GET', "/checkouts/$checkout[id]?wait=30");
    }
    if ($checkout['state'] !== 'paid') {
        fail("no discount: $checkout[state]");
    }
    echo once("discount-$bill", '') ? "discount\n" : "discount given before\n";
}

function webhook(): void
{
    $body = file_get_contents('php://stdin');
    $id = getenv('HTTP_WEBHOOK_ID');
    if (!genuine($body, $id, getenv('HTTP_WEBHOOK_TIMESTAMP'), getenv('HTTP_WEBHOOK_SIGNATURE'))) {
        echo "Status: 401\n\n";
        return;
    }
    // It may come twice: what it brings is done once.
    once("webhook-$id", $body);
    echo "Status: 204\n\n";
}

/** Standard Webhooks: signed over the raw bytes, and not older than five minutes. */
function genuine(string $body, string $id, string $timestamp, string $signatures): bool
{
    $secret = base64_decode(preg_replace('/^whsec_/', '', getenv('WOM_WEBHOOK_SECRET')));
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $secret, true));
    $known = array_filter(explode(' ', $signatures), fn ($other) => hash_equals($expected, $other));
    return $known !== [] && abs(time() - (int) $timestamp) <= 300;
}

/** To the person's app, or onto the till's display. */
function hand_over(array $code): void
{
    echo "$code[link] $code[pin]\n";
}

/** Whether it is the first time. A row with a unique key does this in your data base. */
function once(string $name, string $content): bool
{
    $file = @fopen($name, 'x');
    if ($file === false) {
        return false;
    }
    fwrite($file, $content);
    return fclose($file);
}

function fail(string $why): never
{
    fwrite(STDERR, "$why\n");
    exit(1);
}

match ($argv[1]) {
    'award' => award(...array_slice($argv, 2)),
    'charge' => charge(...array_slice($argv, 2)),
    'webhook' => webhook(),
};
