package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"pointcharge/internal/point"
)

// runProblems lists the payments that an operator has to look at; with -json one object a line, and with an imp_uid
// what operators decided about that payment.
func runProblems(ctx context.Context, i invocation) error {
	asJSON := i.flags.Bool("json", false, "one JSON object a line instead of text")
	impUID := i.flags.String("of", "", "list what operators decided about the payment with this imp_uid instead")
	cfg, err := i.configure(0)
	if err != nil {
		return err
	}
	return i.withService(ctx, cfg, func(points *point.Service) error {
		if *impUID != "" {
			return listResolutions(ctx, i.stdout, points, *impUID, *asJSON)
		}
		return listProblems(ctx, i.stdout, points, *asJSON)
	})
}

func listProblems(ctx context.Context, w io.Writer, points *point.Service, asJSON bool) error {
	n, lines := 0, json.NewEncoder(w)
	for p, err := range points.Problems(ctx) {
		if err == nil && asJSON {
			err = lines.Encode(problemAsJSON(p))
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
	_, err := fmt.Fprintf(w, "%d payments have a problem\n", n)
	return err
}

func printProblem(w io.Writer, p point.Payment) error {
	_, err := fmt.Fprintf(w, "%s  %-18s order %s, user %q: %s, %d %s, cancelled %d, seen %s\n", p.ImpUID, p.Problem, p.MerchantUID,
		p.UserID, p.Status, p.Amount, p.Currency, p.CancelledAmount, p.SyncedAt.Format(time.RFC3339))
	return err
}

func problemAsJSON(p point.Payment) problemJSON {
	return problemJSON{p.ImpUID, p.Problem, p.MerchantUID, p.UserID, p.Status, p.Amount, p.CancelledAmount, p.Currency, p.PaidAt, p.SyncedAt}
}

// listResolutions prints what was decided about a payment, the oldest first.
func listResolutions(ctx context.Context, w io.Writer, points *point.Service, impUID string, asJSON bool) error {
	found, err := points.Resolutions(ctx, impUID)
	if err != nil {
		return err
	}
	lines := json.NewEncoder(w)
	for _, r := range found {
		if asJSON {
			err = lines.Encode(resolutionJSON(r))
		} else {
			_, err = fmt.Fprintf(w, "%s  %-7s %s by %s: %s\n", r.CreatedAt.Format(time.RFC3339), r.Action, r.Problem, r.Operator, r.Reason)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// resolutionJSON is a decision as other programs read it.
type resolutionJSON struct {
	ID              string        `json:"id"`
	ImpUID          string        `json:"impUid"`
	Problem         point.Problem `json:"problem"`
	CancelledAmount int64         `json:"cancelledAmount"`
	DepositCount    int           `json:"depositCount"`
	Action          point.Action  `json:"action"`
	Reason          string        `json:"reason"`
	Operator        string        `json:"operator"`
	TransactionID   *string       `json:"transactionId"`
	CreatedAt       time.Time     `json:"createdAt"`
}

// problemJSON is a payment with a problem as other programs read it. Amounts are in the currency's minor unit.
type problemJSON struct {
	ImpUID          string              `json:"impUid"`
	Problem         point.Problem       `json:"problem"`
	MerchantUID     string              `json:"merchantUid"`
	UserID          string              `json:"userId"`
	Status          point.PaymentStatus `json:"status"`
	Amount          int64               `json:"amount"`
	CancelledAmount int64               `json:"cancelledAmount"`
	Currency        string              `json:"currency"`
	PaidAt          *time.Time          `json:"paidAt"`
	SyncedAt        time.Time           `json:"syncedAt"`
}

// runResolve does what an operator decided about a payment.
func runResolve(ctx context.Context, i invocation) error {
	in := point.ResolveInput{}
	chosen := map[point.Action]*bool{
		point.RefundIt: i.flags.Bool("refund", false, "give all its money back at Iamport"),
		point.Accept:   i.flags.Bool("accept", false, "keep the money and give points by hand; of a credited payment, accept the books"),
		point.Ignore:   i.flags.Bool("ignore", false, "leave it as it is"),
	}
	i.flags.StringVar(&in.Reason, "reason", "", "why, for Iamport's console and for people")
	i.flags.StringVar(&in.Operator, "by", "", "who decides")
	i.flags.StringVar(&in.UserID, "user", "", "with -accept: who gets the points; the order's user by default")
	i.flags.Int64Var(&in.Points, "points", 0, "with -accept: how many; one for each won by default")
	i.flags.Func("account", "with -refund of a virtual account's payment: HOLDER,BANK,NUMBER,PHONE", func(text string) (err error) {
		in.Account, err = refundAccount(text)
		return err
	})
	cfg, err := i.configure(1)
	if err != nil {
		return err
	}
	in.ImpUID = i.flags.Arg(0)
	if in.Action, err = oneChoice(chosen); err != nil {
		return usageError{err}
	}
	return i.withService(ctx, cfg, func(points *point.Service) error {
		payment, err := points.Resolve(ctx, in)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(i.stdout, "payment %s: %s by %s; now %s, %d %s, cancelled %d\n", payment.ImpUID, in.Action, in.Operator,
			payment.Status, payment.Amount, payment.Currency, payment.CancelledAmount)
		if err == nil && in.Action == point.RefundIt && payment.CancelledAmount < payment.Amount {
			_, err = fmt.Fprintln(i.stdout, "the refund is under way; pointcharge refunds tells what becomes of it")
		}
		return err
	})
}

func oneChoice(chosen map[point.Action]*bool) (action point.Action, err error) {
	for a, set := range chosen {
		if *set && action != "" {
			return "", errors.New("choose one of -refund, -accept and -ignore")
		}
		if *set {
			action = a
		}
	}
	if action == "" {
		return "", errors.New("say -refund, -accept or -ignore")
	}
	return action, nil
}

func refundAccount(text string) (*point.RefundAccount, error) {
	parts := strings.Split(text, ",")
	if len(parts) != 4 {
		return nil, errors.New("it must be HOLDER,BANK,NUMBER,PHONE")
	}
	return &point.RefundAccount{Holder: parts[0], Bank: parts[1], Number: parts[2], Phone: parts[3]}, nil
}
