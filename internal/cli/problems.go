package cli

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"time"

	"pointcharge/internal/charge"
)

// setUpProblems lists the payments that need an operator, or with -of the decisions about one
// payment. The flag -json prints one object per line.
func setUpProblems(flags *flag.FlagSet) task {
	asJSON := flags.Bool("json", false, "one JSON object a line instead of text")
	impUID := flags.String("of", "", "list what operators decided about the payment with this imp_uid instead")
	return task{run: func(ctx context.Context, r resources) error {
		if *impUID != "" {
			return listResolutions(ctx, r.stdout, r.services.Charges, *impUID, *asJSON)
		}
		return listProblems(ctx, r.stdout, r.services.Charges, *asJSON)
	}}
}

func listProblems(ctx context.Context, w io.Writer, charges *charge.Service, asJSON bool) error {
	n, objects := 0, json.NewEncoder(w)
	for p, err := range charges.Problems(ctx) {
		if err == nil && asJSON {
			err = objects.Encode(newProblemJSON(p))
		} else if err == nil {
			err = printProblem(w, p)
		}
		if err != nil {
			return err
		}
		n++
	}
	if asJSON {
		return nil
	}
	_, err := fmt.Fprintf(w, "%s a problem\n", formatCount(n, "payment has", "payments have"))
	return err
}

func printProblem(w io.Writer, p charge.Payment) error {
	_, err := fmt.Fprintf(w, "%s  %-18s order %s, user %q: %s, %d %s, cancelled %d, seen %s\n", p.ImpUID, p.Problem, p.MerchantUID,
		p.UserID, p.Status, p.Amount, p.Currency, p.CancelledAmount, p.SyncedAt.Format(time.RFC3339))
	return err
}

func newProblemJSON(p charge.Payment) problemJSON {
	return problemJSON{p.ImpUID, p.Problem, p.MerchantUID, p.UserID, p.Status, p.Amount, p.CancelledAmount, p.Currency, p.PaidAt, p.SyncedAt}
}

// listResolutions prints the decisions about a payment, the oldest first.
func listResolutions(ctx context.Context, w io.Writer, charges *charge.Service, impUID string, asJSON bool) error {
	decisions, err := charges.Resolutions(ctx, impUID)
	if err != nil {
		return err
	}
	if len(decisions) == 0 && !asJSON {
		return printUndecided(w, "payment", impUID)
	}
	objects := json.NewEncoder(w)
	for _, r := range decisions {
		if asJSON {
			err = objects.Encode(newResolutionJSON(r))
		} else {
			_, err = fmt.Fprintf(w, "%s  %-7s %s by %s: %s\n", r.CreatedAt.Format(time.RFC3339), r.Action, r.Problem, r.Actor.ID, r.Reason)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// resolutionJSON is a decision in the format for other programs.
type resolutionJSON struct {
	ID              string         `json:"id"`
	ImpUID          string         `json:"impUid"`
	Problem         charge.Problem `json:"problem"`
	CancelledAmount int64          `json:"cancelledAmount"`
	DepositCount    int            `json:"depositCount"`
	Action          charge.Action  `json:"action"`
	Reason          string         `json:"reason"`
	Operator        string         `json:"operator"`
	TransactionID   *string        `json:"transactionId"`
	CreatedAt       time.Time      `json:"createdAt"`
}

func newResolutionJSON(r charge.Resolution) resolutionJSON {
	return resolutionJSON{ID: r.ID, ImpUID: r.ImpUID, Problem: r.Problem, CancelledAmount: r.CancelledAmount,
		DepositCount: r.DepositCount, Action: r.Action, Reason: r.Reason, Operator: r.Actor.ID, TransactionID: r.TransactionID,
		CreatedAt: r.CreatedAt}
}

// problemJSON is a payment with a problem in the format for other programs. Amounts are in the
// currency's minor unit.
type problemJSON struct {
	ImpUID          string               `json:"impUid"`
	Problem         charge.Problem       `json:"problem"`
	MerchantUID     string               `json:"merchantUid"`
	UserID          string               `json:"userId"`
	Status          charge.PaymentStatus `json:"status"`
	Amount          int64                `json:"amount"`
	CancelledAmount int64                `json:"cancelledAmount"`
	Currency        string               `json:"currency"`
	PaidAt          *time.Time           `json:"paidAt"`
	SyncedAt        time.Time            `json:"syncedAt"`
}
