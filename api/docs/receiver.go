package docs

import (
	"embed"
	"fmt"
)

// The receivers are whole programs; a test starts each and sends it webhooks, genuine and forged.
//
//go:embed receivers/*
var receiverFiles embed.FS

var receiverNames = map[string]string{"php": "receiver.php", "javascript": "receiver.mjs", "python": "receiver.py", "go": "receiver.go.txt"}

func receiver(c Code) (string, error) {
	source, err := receiverFiles.ReadFile("receivers/" + receiverNames[c.Slug])
	if err != nil {
		return "", fmt.Errorf("receiver in %s: %w", c.Title, err)
	}
	return string(source), nil
}
