// Command gen writes docs/collection/, run by `go generate ./api/docs`.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/paysaga/paysaga/api/docs"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	openAPI, err := os.ReadFile(filepath.Join("..", "openapi.yaml"))
	if err != nil {
		return err
	}
	collection, err := docs.Collection(openAPI)
	if err != nil {
		return err
	}
	file := filepath.Join("..", "..", "docs", "collection", "paysaga.postman_collection.json")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, collection, 0o644)
}
