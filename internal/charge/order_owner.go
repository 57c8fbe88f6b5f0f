package charge

import (
	"context"

	"pointcharge/internal/apierror"
	"pointcharge/internal/database"
)

// OrderOwner returns the user of the order merchantUID. The error is NotFound for an unknown order.
// Webhooks ask before any call to the gateway.
func (s *Service) OrderOwner(ctx context.Context, merchantUID string) (userID string, err error) {
	if err := apierror.CheckID("merchantUid", merchantUID); err != nil {
		return "", apierror.New(apierror.NotFound, "There is no such order.")
	}
	order, err := database.FindOne[Order](ctx, s.db, "order", "merchant_uid = ?", merchantUID)
	return order.UserID, err
}
