package iamport

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
)

// Account identifies the client's merchant account: a hash of imp_key, unchanged by a new
// imp_secret. The hash reveals neither.
func (c *Client) Account() string {
	sum := sha256.Sum256([]byte("pointcharge gateway account\x00iamport\x00" + c.tokens.credentials.Key))
	return "iamport:" + hex.EncodeToString(sum[:16])
}

// CheckKeys asks Iamport for a new access token, as the proof that imp_key and imp_secret are valid
// (contract §1.3). The error GATEWAY_UNAVAILABLE tells whether Iamport refused the keys or did not
// answer.
func (c *Client) CheckKeys(ctx context.Context) error {
	ctx, cancel := c.withTimeout(ctx)
	defer cancel()
	if _, err := c.tokens.requestToken(ctx); err != nil {
		return newUnavailable("check the keys", err)
	}
	return nil
}
