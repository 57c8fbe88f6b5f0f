package auth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/MicahParks/jwkset"
)

const maxKeySetBytes = 1 << 20

// usableKeys removes unusable keys from a fetched key set. The library would refuse the whole set
// for a single unusable key, and an issuer adds kinds of keys without notice.
type usableKeys struct {
	http.RoundTripper

	log *slog.Logger
}

// RoundTrip fetches a key set.
func (u usableKeys) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := u.RoundTripper.RoundTrip(request)
	if err != nil || response.StatusCode != http.StatusOK {
		return response, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxKeySetBytes))
	if err != nil {
		return nil, err
	}
	if body, err = u.filterKeySet(body); err != nil {
		return nil, err
	}
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return response, nil
}

func (u usableKeys) filterKeySet(body []byte) ([]byte, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, fmt.Errorf("not a key set: %w", err)
	}
	usable := []json.RawMessage{}
	for i, raw := range set.Keys {
		if err := checkKey(raw); err != nil {
			u.log.Warn("cannot use a key of the key set", "position", i, "err", err)
			continue
		}
		usable = append(usable, raw)
	}
	return json.Marshal(map[string]any{"keys": usable})
}

func checkKey(raw json.RawMessage) error {
	var key jwkset.JWKMarshal
	if err := json.Unmarshal(raw, &key); err != nil {
		return err
	}
	_, err := jwkset.NewJWKFromMarshal(key, jwkset.JWKMarshalOptions{Private: true}, jwkset.JWKValidateOptions{})
	return err
}
