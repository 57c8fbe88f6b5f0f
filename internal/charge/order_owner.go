package charge

import (
	"context"

	"pointcharge/internal/apierror"
	"pointcharge/internal/database"
)

// OrderOwner returns the user whose order merchantUID is. An Error NotFound means that it is no order
// of ours. Webhooks ask before they ask the gateway.
func (s *Service) OrderOwner(ctx context.Context, merchantUID string) (userID string, err error) {
	if err := apierror.CheckID("merchantUid", merchantUID); err != nil {
		return "", apierror.New(apierror.NotFound, "There is no such order.")
	}
	order, err := database.FindOne[Order](ctx, s.db, "order", "merchant_uid = ?", merchantUID)
	return order.UserID, err
}
