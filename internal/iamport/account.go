package iamport

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
)

// Account identifies the merchant account whose payments the client reads: a hash of imp_key, which stays the same when
// imp_secret is issued again. It reveals neither.
func (c *Client) Account() string {
	sum := sha256.Sum256([]byte("pointcharge gateway account\x00iamport\x00" + c.tokens.credentials.Key))
	return "iamport:" + hex.EncodeToString(sum[:16])
}

// CheckKeys asks Iamport for a new access token, as the proof that imp_key and imp_secret are valid (contract §1.3). It
// fails with GATEWAY_UNAVAILABLE when Iamport refuses them or does not answer; the error says which.
func (c *Client) CheckKeys(ctx context.Context) error {
	ctx, cancel := c.withTimeout(ctx)
	defer cancel()
	if _, err := c.tokens.requestToken(ctx); err != nil {
		return unavailable("check the keys", err)
	}
	return nil
}
