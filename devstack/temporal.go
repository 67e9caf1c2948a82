package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/primitives"
	temporalserver "go.temporal.io/server/temporal"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const (
	// Fixed for ever in a database once it is created. A shard writes one thing at a time.
	historyShards = 8

	// Postgres columns hold 255 characters; the application keeps its workflow IDs below this (bytes).
	maxIDLength = 200

	minRetention = 30 * 24 * time.Hour

	temporalStopTimeout = 10 * time.Second
)

// TemporalOptions are the flags of "devstack temporal".
type TemporalOptions struct {
	Home          string
	Addr          string
	UIAddr        string
	DatabaseURL   string
	Namespace     string
	CodecEndpoint string
	Retention     time.Duration
}

type temporalReady struct {
	Ready     string `json:"ready"`
	Address   string `json:"address"`
	UI        string `json:"ui"`
	Namespace string `json:"namespace"`
}

func (o TemporalOptions) check() error {
	if o.Retention < minRetention {
		return fmt.Errorf("retention %s is too short: sagas must stay visible for at least %s", o.Retention, minRetention)
	}
	if o.Namespace == "" {
		return errors.New("the namespace needs a name")
	}
	u, err := url.Parse(o.DatabaseURL)
	if err != nil {
		return fmt.Errorf("database URL: %w", err)
	}
	if u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return errors.New("database URL: want postgres://user@host:port/database (flag -database-url or DATABASE_URL)")
	}
	return nil
}

// RunTemporal runs a whole Temporal server and its Web UI in this process until ctx ends. All state is in
// PostgreSQL: after a crash the next start goes on where this one stopped.
func RunTemporal(ctx context.Context, o TemporalOptions, ready func(any) error) error {
	start := time.Now()
	if err := o.check(); err != nil {
		return err
	}
	home, err := filepath.Abs(o.Home)
	if err != nil {
		return err
	}
	logFile, err := openLog(home, "temporal.log")
	if err != nil {
		return err
	}
	defer logFile.Close()
	logger := newLogger(logFile)

	host, port, err := resolveAddr("Temporal", o.Addr)
	if err != nil {
		return err
	}
	uiHost, uiPort, err := resolveAddr("Temporal UI", o.UIAddr)
	if err != nil {
		return err
	}
	store, visibility, err := prepareStore(ctx, o.DatabaseURL, logger)
	if err != nil {
		return err
	}
	release, err := lockStore(ctx, o.DatabaseURL)
	if err != nil {
		return err
	}
	defer release()

	ports, err := servicePorts(host, port)
	if err != nil {
		return err
	}
	server, err := temporalserver.NewServer(
		temporalserver.WithConfig(serverConfig(host, ports, store, visibility)),
		temporalserver.ForServices(temporalserver.DefaultServices),
		temporalserver.WithStaticHosts(staticHosts(host, ports)),
		temporalserver.WithLogger(logger),
		temporalserver.WithNamespaceLogger(logger),
		temporalserver.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporalserver.WithClaimMapper(func(*config.Config) authorization.ClaimMapper { return authorization.NewNoopClaimMapper() }),
		temporalserver.WithDynamicConfigClient(dynamicConfig()),
	)
	if err != nil {
		return fmt.Errorf("configure the Temporal server: %w", err)
	}
	if err := server.Start(); err != nil {
		return fmt.Errorf("start the Temporal server: %w; see %s", err, logFile.Name())
	}
	address := net.JoinHostPort(host, strconv.Itoa(port))
	ui := startUI(uiHost, uiPort, address, o.Namespace, o.CodecEndpoint)
	stop := func() { stopTemporal(server, ui) }

	if err := ensureNamespace(ctx, address, o.Namespace, o.Retention); err != nil {
		stop()
		if ctx.Err() != nil {
			return nil // told to stop before it was ready
		}
		return fmt.Errorf("%w; see %s", err, logFile.Name())
	}
	uiURL := "http://" + net.JoinHostPort(uiHost, strconv.Itoa(uiPort))
	if err := waitForUI(ctx, uiURL); err != nil {
		stop()
		return err
	}
	progress("temporal: ready on %s after %s, UI on %s", address, since(start), uiURL)
	if err := ready(temporalReady{Ready: "temporal", Address: address, UI: uiURL, Namespace: o.Namespace}); err != nil {
		stop()
		return err
	}
	<-ctx.Done()
	stop()
	progress("temporal: stopped")
	return nil
}

// stopTemporal gives the services a moment to finish. What they cannot finish is in PostgreSQL anyway.
func stopTemporal(server temporalserver.Server, ui stopper) {
	ui.Stop()
	stopped := make(chan error, 1)
	go func() { stopped <- server.Stop() }()
	select {
	case err := <-stopped:
		if err != nil {
			progress("temporal: stop: %v", err)
		}
	case <-time.After(temporalStopTimeout):
		progress("temporal: services did not stop within %s, ending anyway", temporalStopTimeout)
	}
}

// newLogger writes errors to the log file; what ends the process also goes to the terminal.
func newLogger(file *os.File) log.Logger {
	encoder := zapcore.NewJSONEncoder(log.DefaultZapEncoderConfig)
	return log.NewZapLogger(zap.New(zapcore.NewTee(
		zapcore.NewCore(encoder, zapcore.Lock(file), zapcore.ErrorLevel),
		zapcore.NewCore(encoder, zapcore.Lock(os.Stderr), zapcore.DPanicLevel),
	)))
}

// servicePorts gives the frontend its port and the inner services free ones: nobody else needs to know those.
func servicePorts(host string, frontend int) (map[primitives.ServiceName]int, error) {
	ports := map[primitives.ServiceName]int{primitives.FrontendService: frontend}
	for _, service := range []primitives.ServiceName{
		primitives.HistoryService, primitives.MatchingService, primitives.WorkerService,
	} {
		port, err := freePort(host)
		if err != nil {
			return nil, err
		}
		ports[service] = port
	}
	return ports, nil
}

func staticHosts(host string, ports map[primitives.ServiceName]int) map[primitives.ServiceName]static.Hosts {
	hosts := make(map[primitives.ServiceName]static.Hosts, len(ports))
	for service, port := range ports {
		hosts[service] = static.SingleLocalHost(net.JoinHostPort(host, strconv.Itoa(port)))
	}
	return hosts
}

func serverConfig(host string, ports map[primitives.ServiceName]int, store, visibility *config.SQL) *config.Config {
	services := make(map[string]config.Service, len(ports))
	for service, port := range ports {
		services[string(service)] = config.Service{RPC: config.RPC{GRPCPort: port, BindOnIP: host}}
	}
	frontend := net.JoinHostPort(host, strconv.Itoa(ports[primitives.FrontendService]))
	return &config.Config{
		Global: config.Global{Membership: config.Membership{BroadcastAddress: host, MaxJoinDuration: 30 * time.Second}},
		Persistence: config.Persistence{
			DefaultStore:     mainDatabase,
			VisibilityStore:  visibilityDatabase,
			NumHistoryShards: historyShards,
			DataStores: map[string]config.DataStore{
				mainDatabase:       {SQL: store},
				visibilityDatabase: {SQL: visibility},
			},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        "active",
			CurrentClusterName:       "active",
			ClusterInformation: map[string]cluster.ClusterInformation{"active": {
				Enabled: true, InitialFailoverVersion: 1, RPCAddress: frontend,
				ClusterID: "8e0a5a5e-52f1-4a34-8c0e-3d7a6f6f1d55", // any fixed one
			}},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services:            services,
		PublicClient:        config.PublicClient{HostPort: frontend},
		Archival: config.Archival{
			History:    config.HistoryArchival{State: "disabled"},
			Visibility: config.VisibilityArchival{State: "disabled"},
		},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History:    config.HistoryArchivalNamespaceDefaults{State: "disabled"},
			Visibility: config.VisibilityArchivalNamespaceDefaults{State: "disabled"},
		}},
	}
}

func dynamicConfig() dynamicconfig.StaticClient {
	const noLimit = 100_000 // the machine is the limit, not a rate limiter made for shared clusters
	return dynamicconfig.StaticClient{
		dynamicconfig.MaxIDLengthLimit.Key():                                    maxIDLength,
		dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():                  1,
		dynamicconfig.MatchingNumTaskqueueWritePartitions.Key():                 1,
		dynamicconfig.FrontendRPS.Key():                                         noLimit,
		dynamicconfig.FrontendMaxNamespaceRPSPerInstance.Key():                  noLimit,
		dynamicconfig.FrontendMaxNamespaceVisibilityRPSPerInstance.Key():        noLimit,
		dynamicconfig.FrontendMaxConcurrentLongRunningRequestsPerInstance.Key(): noLimit,
		dynamicconfig.FrontendPersistenceMaxQPS.Key():                           noLimit,
		dynamicconfig.HistoryRPS.Key():                                          noLimit,
		dynamicconfig.HistoryPersistenceMaxQPS.Key():                            noLimit,
		dynamicconfig.MatchingRPS.Key():                                         noLimit,
		dynamicconfig.MatchingPersistenceMaxQPS.Key():                           noLimit,
		// The default caches are made for machines that do nothing else.
		dynamicconfig.HistoryCacheHostLevelMaxSize.Key():     10_000,   // workflows
		dynamicconfig.EventsHostLevelCacheMaxSizeBytes.Key(): 32 << 20, // bytes
		// Nothing here calls home.
		dynamicconfig.EnableServerVersionCheck.Key(): false,
	}
}
