// Package config reads the environment. It is the only place that does.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// Config is everything a process can be told from outside; .env.example explains each line.
type Config struct {
	Env      string     `env:"PAYSAGA_ENV" envDefault:"production"`
	Home     string     `env:"PAYSAGA_HOME" envDefault:".paysaga"`
	LogLevel slog.Level `env:"PAYSAGA_LOG_LEVEL" envDefault:"INFO"`

	DatabaseURL  string `env:"DATABASE_URL"`
	DatabaseRole string `env:"PAYSAGA_DATABASE_ROLE" envDefault:"paysaga_app"`
	DatabasePool int    `env:"PAYSAGA_DATABASE_POOL" envDefault:"20"`

	TemporalAddress   string `env:"TEMPORAL_ADDRESS"`
	TemporalNamespace string `env:"TEMPORAL_NAMESPACE" envDefault:"paysaga"`
	UIURL             string `env:"PAYSAGA_UI_URL" envDefault:"http://127.0.0.1:8233"`

	APIAddr     string `env:"PAYSAGA_API_ADDR" envDefault:"127.0.0.1:8080"`
	APIURL      string `env:"PAYSAGA_API_URL"`
	WorkerAddr  string `env:"PAYSAGA_WORKER_ADDR" envDefault:"127.0.0.1:8081"`
	CodecAddr   string `env:"PAYSAGA_CODEC_ADDR" envDefault:"127.0.0.1:8234"`
	SandboxAddr string `env:"PAYSAGA_SANDBOX_ADDR" envDefault:"127.0.0.1:8090"`
	SandboxURL  string `env:"PAYSAGA_SANDBOX_URL"`

	// TrustedProxies may set X-Forwarded-For; empty trusts nobody.
	TrustedProxies []string `env:"PAYSAGA_TRUSTED_PROXIES"`

	CodecKeys Secret `env:"PAYSAGA_CODEC_KEYS"`
	VaultKeys Secret `env:"PAYSAGA_VAULT_KEYS"`
	JWTSecret Secret `env:"PAYSAGA_JWT_SECRET"`
	// JWTKeys sign tokens with EdDSA instead of the secret: "id:base64,…", the first signs, all verify.
	JWTKeys Secret `env:"PAYSAGA_JWT_KEYS"`

	// RatePerSecond and RateBurst bound one credential; ListPerMinute bounds the payments list.
	RatePerSecond float64 `env:"PAYSAGA_RATE_PER_SECOND" envDefault:"200"`
	RateBurst     int     `env:"PAYSAGA_RATE_BURST" envDefault:"400"`
	ListPerMinute int     `env:"PAYSAGA_LIST_PER_MINUTE" envDefault:"60"`

	// BankCallsPerSecond bounds the calls of one process to each bank.
	BankCallsPerSecond float64 `env:"PAYSAGA_BANK_CALLS_PER_SECOND" envDefault:"200"`
	// BankPause is how long a bank that gave no sessions is left alone before a payer is sent there again; 0 = never.
	BankPause time.Duration `env:"PAYSAGA_BANK_PAUSE" envDefault:"30s"`
	// BankURLs send the adapters of real banks elsewhere: "zibal=http://127.0.0.1:9,…". Development only: whoever
	// answers there says what was paid.
	BankURLs map[string]string `env:"PAYSAGA_BANK_URLS" envKeyValSeparator:"="`
	// BankWires lets the adapters of real banks talk to the sandbox's banks of the same names, which speak as those do.
	// Without it the generic simulated bank, which asks for no credentials, answers under every name. Development only.
	BankWires bool `env:"PAYSAGA_BANK_WIRES" envDefault:"true"`
	// SandboxSessionLife is how long a session at the simulated bank can be paid.
	SandboxSessionLife time.Duration `env:"PAYSAGA_SANDBOX_SESSION_LIFE" envDefault:"15m"`
	// AttemptStart is the first invoice number; raise it when a bank has seen lower ones from an earlier system.
	AttemptStart int64 `env:"PAYSAGA_ATTEMPT_START" envDefault:"1"`
	// Resellers of mobile top-ups; one without an address is not used.
	ToshaURL      string `env:"PAYSAGA_TOSHA_URL"`
	ToshaUser     string `env:"PAYSAGA_TOSHA_USER"`
	ToshaPassword Secret `env:"PAYSAGA_TOSHA_PASSWORD"`
	InaxURL       string `env:"PAYSAGA_INAX_URL"`
	InaxUser      string `env:"PAYSAGA_INAX_USER"`
	InaxPassword  Secret `env:"PAYSAGA_INAX_PASSWORD"`
	// InaxRefusals are codes of inax that are a final no; its table is not public. Never the one of a repeated order.
	InaxRefusals []int `env:"PAYSAGA_INAX_REFUSALS"`

	// TopUpWait is how long a top-up's caller waits for the reseller's word before it is told to follow up.
	TopUpWait time.Duration `env:"PAYSAGA_TOPUP_WAIT" envDefault:"20s"`
	// TopUpPatience is how long a top-up's outcome may stay unknown before a person is called.
	TopUpPatience time.Duration `env:"PAYSAGA_TOPUP_PATIENCE" envDefault:"15m"`
	// WebhookSchedule are the pauses after failed deliveries; empty = Standard Webhooks', three days in all.
	WebhookSchedule []time.Duration `env:"PAYSAGA_WEBHOOK_SCHEDULE"`
	// WebhookParallel bounds one process's deliveries at once to one endpoint.
	WebhookParallel int `env:"PAYSAGA_WEBHOOK_PARALLEL" envDefault:"8"`

	// OutboxWorkers is how many deliveries to Temporal one process makes at once. Few: a burst of starts must not
	// take the machine from those who are being answered. On two cores create's p99 is 7 ms with one, 13 with two.
	OutboxWorkers int `env:"PAYSAGA_OUTBOX_WORKERS" envDefault:"1"`
}

// Development-only secrets. They are public, so production refuses them.
const (
	devCodecKeys Secret = "dev:cGF5c2FnYS1kZXZlbG9wbWVudC1jb2RlYy1rZXktMSE="
	devVaultKeys Secret = "dev:cGF5c2FnYS1kZXZlbG9wbWVudC12YXVsdC1rZXktMSE="
	devJWTSecret Secret = "paysaga-development-jwt-secret-do-not-use"
	devJWTKeys   Secret = "dev:cGF5c2FnYS1kZXZlbG9wbWVudC1zaWduaW5nLWtleSE="
)

// shortestJWTSecret is the size of what HS256 makes: a shorter secret is the easier thing to guess.
const shortestJWTSecret = 32

// Load reads the environment, fills in what follows from other settings and refuses what is unsafe.
func Load() (Config, error) {
	cfg, err := env.ParseAs[Config]()
	if err != nil {
		return Config{}, fmt.Errorf("read environment: %w", err)
	}
	if cfg.APIURL == "" {
		cfg.APIURL = "http://" + cfg.APIAddr
	}
	if cfg.SandboxURL == "" {
		cfg.SandboxURL = "http://" + cfg.SandboxAddr
	}
	cfg.APIURL = strings.TrimRight(cfg.APIURL, "/")
	cfg.SandboxURL = strings.TrimRight(cfg.SandboxURL, "/")
	if cfg.Dev() {
		cfg.CodecKeys = orDefault(cfg.CodecKeys, devCodecKeys)
		cfg.VaultKeys = orDefault(cfg.VaultKeys, devVaultKeys)
		cfg.JWTSecret = orDefault(cfg.JWTSecret, devJWTSecret)
		cfg.JWTKeys = orDefault(cfg.JWTKeys, devJWTKeys)
	}
	return cfg, cfg.check()
}

// Dev says whether fixtures, the sandbox and public default secrets are allowed.
func (c Config) Dev() bool { return c.Env == "dev" }

func (c Config) check() error {
	switch {
	case c.Env != "dev" && c.Env != "production":
		return fmt.Errorf("PAYSAGA_ENV is %q; it is dev or production", c.Env)
	case c.Dev():
		return nil
	}
	var problems []error
	secrets := []struct {
		name       string
		value, dev Secret
	}{
		{"PAYSAGA_CODEC_KEYS", c.CodecKeys, devCodecKeys},
		{"PAYSAGA_VAULT_KEYS", c.VaultKeys, devVaultKeys},
		{"PAYSAGA_JWT_SECRET", c.JWTSecret, devJWTSecret},
		{"PAYSAGA_JWT_KEYS", c.JWTKeys, devJWTKeys},
	}
	for _, s := range secrets {
		_, public, _ := strings.Cut(string(s.dev), ":") // under whatever id, and also as a second key
		if s.value == "" && (s.name == "PAYSAGA_JWT_KEYS" || s.name == "PAYSAGA_JWT_SECRET" && c.JWTKeys != "") {
			continue // one of the two signs
		}
		if s.value == "" || s.value == s.dev || (public != "" && strings.Contains(string(s.value), public)) {
			problems = append(problems, fmt.Errorf("%s must be set to a secret of your own in production", s.name))
		}
	}
	if c.JWTSecret != "" && len(c.JWTSecret) < shortestJWTSecret {
		problems = append(problems, fmt.Errorf("PAYSAGA_JWT_SECRET must have at least %d characters", shortestJWTSecret))
	}
	if len(c.BankURLs) > 0 {
		problems = append(problems, errors.New("PAYSAGA_BANK_URLS is for development: banks are called at their own addresses"))
	}
	if u, err := url.Parse(c.DatabaseURL); err == nil && u.Query().Get("sslmode") == "disable" && !localHost(u.Hostname()) {
		problems = append(problems, errors.New("DATABASE_URL has sslmode=disable to a host that is not local"))
	}
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("refusing to start in production: %w", err)
	}
	return nil
}

// localHost: compose networks name the database "postgres" and never leave the host.
func localHost(host string) bool {
	return host == "" || host == "localhost" || host == "127.0.0.1" || host == "::1" || host == "postgres"
}

func orDefault(s, fallback Secret) Secret {
	if s == "" {
		return fallback
	}
	return s
}

// Secret never shows itself in a log or an error.
type Secret string

func (Secret) String() string               { return "[secret]" }
func (Secret) GoString() string             { return "[secret]" }
func (Secret) LogValue() slog.Value         { return slog.StringValue("[secret]") }
func (Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// Reveal returns the secret's text, for the one place that needs it.
func (s Secret) Reveal() string { return string(s) }

// Logger writes JSON lines to standard error.
func (c Config) Logger(process string) *slog.Logger {
	return slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: c.LogLevel})).With("process", process)
}
