package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	uiserver "github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	"github.com/temporalio/ui-server/v2/server/server_options"
)

type stopper interface{ Stop() }

// startUI serves Temporal's Web UI. Browsers fetch decoded payloads from codecEndpoint themselves, without having
// to be told so in the UI's settings.
func startUI(host string, port int, temporalAddress, namespace, codecEndpoint string) stopper {
	ui := uiserver.NewServer(server_options.WithConfigProvider(&uiconfig.Config{
		Host:                host,
		Port:                port,
		TemporalGRPCAddress: temporalAddress,
		DefaultNamespace:    namespace,
		EnableUI:            true,
		CORS:                uiconfig.CORS{CookieInsecure: true}, // plain http on loopback
		Codec:               uiconfig.Codec{Endpoint: codecEndpoint},
		DisableNewsFetch:    true,
		HideLogs:            true,
	}))
	go func() { _ = ui.Start() }() // answers only when stopped; a port taken meanwhile ends the process with a message
	return ui
}

func waitForUI(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/healthz", nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("status %s", resp.Status)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the Temporal UI does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
