package auth

import "context"

// With is ctx with an identity that needs no token.
func With(ctx context.Context, identity Identity) context.Context {
	return context.WithValue(ctx, outcomeKey{}, outcome{identity: identity})
}
