package sign

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
)

// FUZZ_BODIES raises the number of altered bodies, for example to 1000000.
func alteredBodies(t *testing.T) int {
	text := os.Getenv("FUZZ_BODIES")
	if text == "" {
		return 20_000
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

// A body with other data than the signed one is never accepted. Blanks and escapes may change: they are not data.
func TestAlteredBodiesAreRefused(t *testing.T) {
	wires := fuzzWires(t)
	random := rand.New(rand.NewPCG(6, 2026))
	altered, rewritten := 0, 0
	for want := alteredBodies(t); altered < want; {
		wire := wires[random.IntN(len(wires))]
		mutant := bytes.Clone(wire)
		for range 1 + random.IntN(3) {
			mutant = mutate(random, mutant, wires)
		}
		if sameData(wire, mutant) {
			rewritten++
			continue
		}
		altered++
		require.Error(t, VerifyWebhook(mutant, testKey), "%s\nfrom\n%s", mutant, wire)
	}
	require.Positive(t, rewritten, "without any, sameData compares nothing")
	t.Logf("%d altered bodies refused, %d that were only written differently passed over", altered, rewritten)
}

func TestReorderedBodiesAreRefused(t *testing.T) {
	random := rand.New(rand.NewPCG(6, 2027))
	for range alteredBodies(t) / 20 {
		for _, wire := range fuzzWires(t) {
			fields, err := readObject(wire)
			require.NoError(t, err)
			i, j := random.IntN(len(fields)-1), random.IntN(len(fields)-1) // not the sign, which is last
			if i == j {
				continue
			}
			fields[i], fields[j] = fields[j], fields[i]
			mutant, err := appendObject(nil, fields)
			require.NoError(t, err)
			require.ErrorIs(t, VerifyWebhook(mutant, testKey), ErrMismatch)
		}
	}
}

// fuzzWires are signed bodies in both wires.
func fuzzWires(t *testing.T) [][]byte {
	var wires [][]byte
	for _, fields := range []Object{
		{F("a", "b")},
		{F("type", "payment"), F("uuid", "62f88b36-a9d5-4fa6-aa26-e040c3dbf26d"), F("order_id", "ord_1001"), F("amount", "15.00000000"), F("is_final", true),
			F("status", "paid"), F("from", nil), F("network", "tron"), F("additional_data", "سفارش ۱۰۰۱ / «تست»\u2028"), F("txid", "some/Slash")},
		{F("type", "payout"), F("version", 12), F("amount", 1500000), F("is_final", false), F("convert", Object{F("rate", "1.0"), F("list", List{1, 2, "۳"})})},
	} {
		body, err := Body(testKey, fields...)
		require.NoError(t, err)
		wires = append(wires, body, escapeUnicode(body))
	}
	return wires
}

func mutate(random *rand.Rand, body []byte, others [][]byte) []byte {
	if len(body) < 2 {
		return append(body, '{')
	}
	pieces := []string{`"`, `\`, `,`, `:`, `{`, `}`, `[`, `]`, ` `, `0`, `1`, `e`, `.`, `-`, `null`, `true`, `\u0000`, `\/`, `\ud800`, `,"a":1`, `"sign":"x",`, "ی", "\x00", "\xff"}
	at := random.IntN(len(body))
	end := min(len(body), at+1+random.IntN(40))
	piece := []byte(pieces[random.IntN(len(pieces))])
	switch random.IntN(9) {
	case 0: // a bit
		body[at] ^= 1 << random.IntN(8)
	case 1: // a byte
		body[at] = byte(random.IntN(256))
	case 2: // a digit or letter becomes another of its kind
		body[at] = "0123456789abcdef"[random.IntN(16)]
	case 3: // insert
		body = splice(body, at, at, piece)
	case 4: // delete one
		body = splice(body, at, at+1, nil)
	case 5: // delete many
		body = splice(body, at, end, nil)
	case 6: // repeat a stretch
		body = splice(body, at, at, body[at:end])
	case 7: // exchange two stretches
		to := random.IntN(len(body))
		stretch := bytes.Clone(body[at:end])
		body = splice(body, at, end, nil)
		to = min(to, len(body))
		body = splice(body, to, to, stretch)
	default: // a stretch of another signed body, at the same distance from the end: its sign for example
		other := others[random.IntN(len(others))]
		from := max(0, len(other)-34)
		body = splice(body, max(0, len(body)-34), len(body), other[from:])
	}
	return body
}

func splice(body []byte, from, to int, piece []byte) []byte {
	out := append(bytes.Clone(body[:from]), piece...)
	return append(out, body[to:]...)
}

// sameData reads both bodies with encoding/json, on its own way.
func sameData(a, b []byte) bool {
	var x, y map[string]any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

// escapeUnicode writes a body as PHP does without flags.
func escapeUnicode(body []byte) []byte {
	var out []byte
	for _, r := range string(body) {
		if r < 0x80 {
			out = append(out, byte(r))
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			out = fmt.Appendf(out, `\u%04x`, unit)
		}
	}
	return out
}

// PHP itself, where it is installed, re-encodes random bodies as we do.
func TestBesidePHP(t *testing.T) {
	php, err := exec.LookPath("php")
	if err != nil {
		t.Skip("no php here; its verdicts on chosen bodies are in testdata/php.json")
	}
	const count = 5000
	random := rand.New(rand.NewPCG(8, 2))
	bodies := make([][]byte, count)
	var input bytes.Buffer
	for i := range bodies {
		bodies[i] = []byte(`{"sign":"x",` + strings.TrimPrefix(randomObject(random, 3), "{"))
		if string(bodies[i]) == `{"sign":"x",}` {
			bodies[i] = []byte(`{"sign":"x"}`)
		}
		input.WriteString(base64.StdEncoding.EncodeToString(bodies[i]) + "\n")
	}
	script := `while ($line = fgets(STDIN)) { $d = json_decode(base64_decode($line), true); unset($d["sign"]);
		echo base64_encode((string)json_encode($d, JSON_UNESCAPED_UNICODE)), "\n"; }`
	cmd := exec.CommandContext(t.Context(), php, "-n", "-d", "serialize_precision=-1", "-r", script)
	cmd.Stdin = &input
	cmd.WaitDelay = time.Second
	output, err := cmd.Output()
	require.NoError(t, err)
	lines := bufio.NewScanner(bytes.NewReader(output))
	lines.Buffer(nil, 1<<20)
	for _, body := range bodies {
		require.True(t, lines.Scan())
		theirs, err := base64.StdEncoding.DecodeString(lines.Text())
		require.NoError(t, err)
		ours, err := rewrite(body)
		if err != nil { // a name twice
			require.ErrorContains(t, err, "twice", "%s", body)
			continue
		}
		require.Equal(t, string(theirs), ours, "%s", body)
	}
}

func randomObject(random *rand.Rand, depth int) string {
	var members []string
	for i := range random.IntN(6) {
		name := randomText(random)
		if random.IntN(3) == 0 {
			name = `"` + strconv.Itoa(i) + `"`
		}
		members = append(members, name+":"+randomValue(random, depth))
	}
	return "{" + strings.Join(members, ",") + "}"
}

func randomValue(random *rand.Rand, depth int) string {
	switch kind := random.IntN(8); {
	case kind == 0 && depth > 0:
		return randomObject(random, depth-1)
	case kind == 1 && depth > 0:
		var items []string
		for range random.IntN(4) {
			items = append(items, randomValue(random, depth-1))
		}
		return "[" + strings.Join(items, " , ") + "]"
	case kind < 4:
		return randomText(random)
	case kind == 4:
		return []string{"true", "false", "null"}[random.IntN(3)]
	default:
		return randomNumber(random)
	}
}

func randomNumber(random *rand.Rand) string {
	switch random.IntN(6) {
	case 0:
		return strconv.FormatInt(random.Int64()>>random.IntN(63), 10)
	case 1:
		return strconv.FormatUint(random.Uint64(), 10)
	case 2:
		return fmt.Sprintf("%d.%0*d", random.IntN(100000)-50000, 1+random.IntN(20), random.IntN(1000))
	case 3:
		return fmt.Sprintf("%d.%dE%d", random.IntN(10), random.IntN(1000), random.IntN(40)-20)
	case 4:
		return fmt.Sprintf("-%de+%02d", random.IntN(100), random.IntN(30))
	default:
		f := math.Float64frombits(random.Uint64())
		if math.IsNaN(f) || math.IsInf(f, 0) {
			f = 0
		}
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
}

func randomText(random *rand.Rand) string {
	var out strings.Builder
	out.WriteByte('"')
	for range random.IntN(8) {
		r := []rune{rune(0x20 + random.IntN(0x60)), rune(random.IntN(0x20)), rune(0x600 + random.IntN(0x100)), rune(0x2000 + random.IntN(0x40)),
			rune(0xe000 + random.IntN(0x2000)), rune(0x1f600 + random.IntN(0x50)), '/', '"', '\\'}[random.IntN(9)]
		switch {
		case r < 0x20 || r == '"' || r == '\\' || random.IntN(4) == 0:
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&out, []string{`\u%04x`, `\u%04X`}[random.IntN(2)], unit)
			}
		default:
			out.WriteRune(r)
		}
	}
	return out.String() + `"`
}
