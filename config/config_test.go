package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// load reads the configuration with these settings and no others.
func load(t *testing.T, settings map[string]string) (Config, error) {
	t.Helper()
	for _, line := range os.Environ() {
		name, _, _ := strings.Cut(line, "=")
		if strings.HasPrefix(name, "PAYSAGA_") || strings.HasPrefix(name, "TEMPORAL_") || name == "DATABASE_URL" {
			t.Setenv(name, "") // restores it when the test is over
			require.NoError(t, os.Unsetenv(name))
		}
	}
	for name, v := range settings {
		t.Setenv(name, v)
	}
	return Load()
}

// production is the least that production needs.
func production(change map[string]string) map[string]string {
	out := map[string]string{
		"PAYSAGA_CODEC_KEYS": "a:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
		"PAYSAGA_VAULT_KEYS": "a:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU=",
		"PAYSAGA_JWT_SECRET": "a secret of one's own, long enough",
		"DATABASE_URL":       "postgres://paysaga@db.internal/paysaga",
	}
	for name, v := range change {
		out[name] = v
	}
	return out
}

func TestDevelopmentNeedsNothing(t *testing.T) {
	cfg, err := load(t, map[string]string{"PAYSAGA_ENV": "dev"})
	require.NoError(t, err)
	require.True(t, cfg.Dev())
	require.Equal(t, []string{"http://127.0.0.1:8080", "http://127.0.0.1:8090", "paysaga", "paysaga_app", ".paysaga"},
		[]string{cfg.APIURL, cfg.SandboxURL, cfg.TemporalNamespace, cfg.DatabaseRole, cfg.Home})
	require.Equal(t, []Secret{devCodecKeys, devVaultKeys, devJWTSecret, devJWTKeys}, []Secret{cfg.CodecKeys, cfg.VaultKeys, cfg.JWTSecret, cfg.JWTKeys})
}

func TestAddressesFollowEachOther(t *testing.T) {
	cfg, err := load(t, map[string]string{"PAYSAGA_ENV": "dev", "PAYSAGA_API_ADDR": "127.0.0.1:9", "PAYSAGA_SANDBOX_URL": "https://bank.example/", "PAYSAGA_TRUSTED_PROXIES": "10.0.0.1,10.0.0.2"})
	require.NoError(t, err)
	require.Equal(t, "http://127.0.0.1:9", cfg.APIURL)
	require.Equal(t, "https://bank.example", cfg.SandboxURL)
	require.Equal(t, []string{"10.0.0.1", "10.0.0.2"}, cfg.TrustedProxies)
}

func TestProduction(t *testing.T) {
	cfg, err := load(t, production(nil))
	require.NoError(t, err, "production is the default and is satisfied")
	require.False(t, cfg.Dev())
	require.Empty(t, cfg.JWTKeys, "without keys the secret signs")
	own := "k1:b25lcy1vd24tc2lnbmluZy1rZXktMzItYnl0ZXMtISE="
	cfg, err = load(t, production(map[string]string{"PAYSAGA_JWT_KEYS": own}))
	require.NoError(t, err)
	require.Equal(t, own, cfg.JWTKeys.Reveal())

	for name, tt := range map[string]struct {
		change map[string]string
		says   []string
	}{
		"everything missing": {map[string]string{"PAYSAGA_CODEC_KEYS": "", "PAYSAGA_VAULT_KEYS": "", "PAYSAGA_JWT_SECRET": ""},
			[]string{"PAYSAGA_CODEC_KEYS", "PAYSAGA_VAULT_KEYS", "PAYSAGA_JWT_SECRET"}},
		"public codec key":       {map[string]string{"PAYSAGA_CODEC_KEYS": devCodecKeys.Reveal()}, []string{"PAYSAGA_CODEC_KEYS"}},
		"public vault key":       {map[string]string{"PAYSAGA_VAULT_KEYS": devVaultKeys.Reveal()}, []string{"PAYSAGA_VAULT_KEYS"}},
		"public token secret":    {map[string]string{"PAYSAGA_JWT_SECRET": devJWTSecret.Reveal()}, []string{"PAYSAGA_JWT_SECRET"}},
		"public key, older one":  {map[string]string{"PAYSAGA_VAULT_KEYS": "a:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU=," + devVaultKeys.Reveal()}, []string{"PAYSAGA_VAULT_KEYS"}},
		"public key, other name": {map[string]string{"PAYSAGA_CODEC_KEYS": " prod:" + strings.TrimPrefix(devCodecKeys.Reveal(), "dev:")}, []string{"PAYSAGA_CODEC_KEYS"}},
		"public signing key":     {map[string]string{"PAYSAGA_JWT_KEYS": devJWTKeys.Reveal()}, []string{"PAYSAGA_JWT_KEYS"}},
		"public signing, older":  {map[string]string{"PAYSAGA_JWT_KEYS": own + "," + strings.Replace(devJWTKeys.Reveal(), "dev", "k0", 1)}, []string{"PAYSAGA_JWT_KEYS"}},
		"short token secret":     {map[string]string{"PAYSAGA_JWT_SECRET": "short"}, []string{"PAYSAGA_JWT_SECRET"}},
		"open database":          {map[string]string{"DATABASE_URL": "postgres://u:pw@db.internal/x?sslmode=disable"}, []string{"sslmode=disable"}},
		"banks elsewhere":        {map[string]string{"PAYSAGA_BANK_URLS": "zibal=http://127.0.0.1:9"}, []string{"PAYSAGA_BANK_URLS"}},
		"another environment":    {map[string]string{"PAYSAGA_ENV": "staging"}, []string{`"staging"`}},
		"not a number":           {map[string]string{"PAYSAGA_RATE_BURST": "many"}, []string{"RateBurst"}},
	} {
		t.Run(name, func(t *testing.T) {
			settings := production(tt.change)
			_, err := load(t, settings)
			require.Error(t, err)
			for _, s := range tt.says {
				require.ErrorContains(t, err, s)
			}
			for _, secret := range []string{"PAYSAGA_CODEC_KEYS", "PAYSAGA_VAULT_KEYS", "PAYSAGA_JWT_SECRET", "PAYSAGA_JWT_KEYS"} {
				if settings[secret] != "" {
					require.NotContains(t, err.Error(), settings[secret])
				}
			}
			require.NotContains(t, err.Error(), "pw@")
		})
	}
	for _, local := range []string{"localhost", "127.0.0.1", "[::1]", "postgres", ""} {
		_, err := load(t, production(map[string]string{"DATABASE_URL": "postgres://u@" + local + "/x?sslmode=disable"}))
		require.NoError(t, err, local)
	}
}

func TestSecretNeverPrints(t *testing.T) {
	cfg, err := load(t, production(map[string]string{"PAYSAGA_JWT_KEYS": "k1:b25lcy1vd24tc2lnbmluZy1rZXktMzItYnl0ZXMtISE="}))
	require.NoError(t, err)
	var out strings.Builder
	slog.New(slog.NewJSONHandler(&out, nil)).Info("config", "cfg", cfg, "one", cfg.JWTSecret)
	slog.New(slog.NewTextHandler(&out, nil)).Info("config", "cfg", cfg, "one", cfg.JWTSecret)
	asJSON, err := json.Marshal(cfg)
	require.NoError(t, err)
	fmt.Fprintf(&out, "%s %v %+v %#v %s %q", asJSON, cfg, cfg, cfg, cfg.CodecKeys, cfg.VaultKeys)
	require.Contains(t, out.String(), "[secret]")
	for _, s := range []Secret{cfg.CodecKeys, cfg.VaultKeys, cfg.JWTSecret, cfg.JWTKeys} {
		require.NotEmpty(t, s.Reveal())
		require.NotContains(t, out.String(), s.Reveal())
	}
}
