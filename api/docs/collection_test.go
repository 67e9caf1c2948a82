package docs

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/sign"
)

var collectionFile = filepath.Join("..", "..", "docs", "collection", "paysaga.postman_collection.json")

func TestCollectionIsCurrent(t *testing.T) {
	want, err := Collection(openAPI(t))
	require.NoError(t, err)
	got, err := os.ReadFile(collectionFile)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "run `go generate ./api/docs`")
}

func readCollection(t *testing.T) collection {
	t.Helper()
	data, err := Collection(openAPI(t))
	require.NoError(t, err)
	var c collection
	require.NoError(t, json.Unmarshal(data, &c))
	return c
}

// Every route is in it, with what lets the caller in, and every variable that is used is there.
func TestCollectionHasEveryRoute(t *testing.T) {
	var want, got []string
	c := readCollection(t)
	for _, group := range site(t).spec.tags {
		for _, o := range group.operations {
			want = append(want, o.Method+" "+o.Path)
		}
	}
	known := map[string]bool{}
	for _, v := range c.Variable {
		known["{{"+v.Key+"}}"] = true
	}
	for _, f := range c.Items {
		for _, r := range f.Items {
			path := ""
			for _, step := range r.Request.URL.Path {
				if name, isParam := strings.CutPrefix(step, ":"); isParam {
					step = "{" + name + "}"
				}
				path += "/" + step
			}
			got = append(got, r.Request.Method+" "+path)
			require.Len(t, r.Request.URL.Variable, strings.Count(path, "{"), path)
			headers := http.Header{}
			for _, h := range r.Request.Header {
				headers.Add(h.Key, h.Value)
				if strings.Contains(h.Value, "{{") {
					require.True(t, known[h.Value[strings.Index(h.Value, "{{"):]], "%s: no variable for %s", path, h.Value)
				}
			}
			switch {
			case strings.HasPrefix(path, "/v1/") && path != "/v1/wallet/notify":
				require.Equal(t, "{{merchant_uuid}}", headers.Get("merchant"), path)
				require.Equal(t, "{{sign}}", headers.Get("sign"), path)
				require.NotContains(t, r.Request.Body.Raw, "{{", "what is signed must be what is sent")
			case strings.HasPrefix(path, "/api/v2/"):
				require.Equal(t, "Bearer {{branch_token}}", headers.Get("Authorization"), path)
			case strings.HasPrefix(path, "/api/v1/"), strings.HasPrefix(path, "/api/top-up"):
				require.Equal(t, "Bearer {{key}}", headers.Get("Authorization"), path)
			case strings.HasPrefix(path, "/api/create"), strings.HasPrefix(path, "/api/check"):
				require.Equal(t, "{{key}}", headers.Get("token"), path)
			}
		}
	}
	require.ElementsMatch(t, want, got)
}

// The script that signs makes the signature that we check, with what Postman hands it and with what Bruno does.
func TestCollectionSigns(t *testing.T) {
	need(t, "node")
	const around = `
const { createHash } = require("node:crypto");
const hash = text => ({ toString: () => createHash("md5").update(text).digest("hex") });
const crypto = { MD5: hash, enc: { Utf8: { parse: t => Buffer.from(t, "utf8") }, Base64: { stringify: b => b.toString("base64") } } };
const variables = JSON.parse(process.argv[1]);
const body = JSON.parse(process.argv[4]) ? { raw: process.argv[2] } : JSON.parse(process.argv[2]);
const pm = { request: { body }, collectionVariables: { get: n => variables[n], set: (n, v) => { variables[n] = v; } } };
new Function("require", "pm", process.argv[3])(() => crypto, pm);
process.stdout.write(variables.sign);`
	c := readCollection(t)
	values := map[string]string{}
	for _, v := range c.Variable {
		values[v.Key] = v.Value
	}
	variables, err := json.Marshal(values)
	require.NoError(t, err)
	checked := map[string]bool{}
	for _, f := range c.Items {
		for _, r := range f.Items {
			if len(r.Events) == 0 || r.Events[0].Listen != "prerequest" {
				continue
			}
			text := strings.Join(r.Events[0].Script.Exec, "\n")
			if checked[text] {
				continue
			}
			checked[text] = true
			key := devPaymentKey
			if strings.Contains(r.Request.URL.Raw, "payout") {
				key = devPayoutKey
			}
			for _, postman := range []string{"true", "false"} { // the other is Bruno
				body := `{"order_id":"سلام","amount":1}`
				out, err := exec.CommandContext(t.Context(), "node", "-e", around, "--", string(variables), body, text, postman).CombinedOutput()
				require.NoError(t, err, "%s", out)
				require.NoError(t, sign.Verify([]byte(body), string(out), key), r.Request.URL.Raw)
			}
		}
	}
	require.Len(t, checked, 2)
}
