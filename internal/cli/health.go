package cli

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"pointcharge/internal/server"
)

// runHealth fails unless the server on this machine reports ready.
func runHealth(ctx context.Context, r resources) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.LocalURL(r.cfg)+"/readyz", nil)
	if err != nil {
		return err
	}
	client := &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", response.Status)
	}
	return nil
}
