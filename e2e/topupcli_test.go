package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The commands, where they are used wrongly, and what they do to the catalogue.
func TestTopUpCommands(t *testing.T) {
	t.Parallel()
	h := shared
	for name, tt := range map[string]struct {
		args []string
		says string
	}{
		"a number that is none": {[]string{"topup", "show", "YOUR_CODE"}, "not the number of a top-up"},
		"an unknown top-up":     {[]string{"topup", "show", "99999999"}, "not found"},
		"resolve nothing":       {[]string{"topup", "resolve", "99999999", "--as", "reversed", "--by", "S", "--reason", "r"}, "not found"},
		"resolve as it pleases": {[]string{"topup", "resolve", "1", "--as", "paid", "--by", "S", "--reason", "r"}, "delivered or reversed"},
		"resolve by nobody":     {[]string{"topup", "resolve", "1", "--as", "reversed", "--by", " ", "--reason", "r"}, "must not be empty"},
		"resolve without why":   {[]string{"topup", "resolve", "1", "--as", "reversed", "--by", "S"}, `"reason" not set`},
		"credit nothing":        {[]string{"balance", "credit", "faSDF42w3Fs", "--amount", "0", "--by", "S", "--reason", "r"}, "above zero"},
		"credit less":           {[]string{"balance", "credit", "faSDF42w3Fs", "--amount", "-5", "--by", "S", "--reason", "r"}, "above zero"},
		"credit by nobody":      {[]string{"balance", "credit", "faSDF42w3Fs", "--amount", "5", "--by", "", "--reason", "r"}, "must not be empty"},
		"credit nobody":         {[]string{"balance", "credit", "nobody", "--amount", "5", "--by", "S", "--reason", "r"}, "nobody"},
		"balance of nobody":     {[]string{"balance", "show", "nobody"}, "nobody"},
		"no such carrier":       {[]string{"product", "carrier", "99"}, "carrier 99"},
		"a carrier's name":      {[]string{"product", "carrier", "mci"}, "not the number of a carrier"},
	} {
		out, code := h.command(tt.args...)
		require.Equal(t, 1, code, "%s: %s", name, out)
		require.Contains(t, out, tt.says, name)
		require.NotContains(t, out, "SQLSTATE", name)
	}

	load := func(list string) (string, int) {
		c := h.terminal(t.Context(), "product", "load")
		c.Stdin = strings.NewReader(list)
		return runCommand(c)
	}
	const product = `{"id":9001,"provider":"elsewhere","operator_id":4,"type":"cell_internet","sim_card_type":"credit","name":"e2e package","price":10000,"order":1,"active":%v%s}`
	out, code := load("[" + fmt.Sprintf(product, true, "") + "]")
	require.Zero(t, code, out)
	require.Contains(t, out, "1 products")
	out, code = load("[" + fmt.Sprintf(product, true, `,"prize":5`) + "]")
	require.Equal(t, 1, code)
	require.Contains(t, out, "prize", "a mistyped name is no silence")
	_, code = load("[" + fmt.Sprintf(product, true, `,"second_price":5`) + "]")
	require.Equal(t, 1, code, "a range that ends before it begins")

	m := h.buyer(t, "e2e-shelf", 100_000)
	h.mustRun(t, "product", "carrier", "4", "--off")
	refused := func(key, says string) {
		t.Helper()
		a, err := m.topUp(t.Context(), key, topUpOrder{Product: 9001, Price: 10_000})
		require.NoError(t, err)
		require.Equal(t, []any{http.StatusForbidden, fmt.Sprintf(`{"status":false,"message":%q}`, says)}, []any{a.status, string(a.body)})
	}
	refused("carrier-off", "No Operator or status is inactive")
	h.mustRun(t, "product", "carrier", "4")
	out, code = load("[" + fmt.Sprintf(product, false, "") + "]")
	require.Zero(t, code, out)
	refused("product-off", "Product is inactive")
	refused("carrier-off", "No Operator or status is inactive") // as it was told
	require.Equal(t, [2]int64{100_000, 0}, m.balance(t))

	h.mustRun(t, "product", "refresh", "sandbox")
	await(t, soon, "the operator's catalogue is in", func() (bool, string) {
		var found []struct{ Name string }
		m.reads(t, "/api/filter?operator_id=3&type=cell_amazing_direct_charge", &found)
		return len(found) > 0, fmt.Sprint(found)
	})
}
