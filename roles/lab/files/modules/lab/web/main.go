// SPDX-FileCopyrightText: The skyshift.clusterlink contributors
// SPDX-License-Identifier: GPL-3.0-or-later

// Command web is the lab's service: an HTTP server whose answer names the cluster and the pod that gave it.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const (
	address = ":8080"
	// A pod is told to end before its address is gone from every proxy, so it goes on serving for a moment.
	lameDuck = 3 * time.Second
)

func main() {
	cluster := os.Getenv("CLUSTER")
	pod, err := os.Hostname() // Kubernetes names a pod's host after the pod
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "hello from %s, pod %s\n", cluster, pod)
	})
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 10 * time.Second}

	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	go func() {
		if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
			log.Fatal(err)
		}
	}()
	<-stop.Done()
	time.Sleep(lameDuck)
	if err := server.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
}
