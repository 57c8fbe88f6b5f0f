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

// problemsAtOnce is how many problems the command lists.
const problemsAtOnce = 1000

// runProblems lists the payments that an operator has to look at; with -json one object a line.
func runProblems(ctx context.Context, i invocation) error {
	asJSON := i.flags.Bool("json", false, "one JSON object a line instead of text")
	cfg, err := i.configure(0)
	if err != nil {
		return err
	}
	return i.withService(ctx, cfg, func(points *point.Service) error {
		found, err := points.Problems(ctx, problemsAtOnce)
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(i.stdout, found)
		}
		for _, p := range found {
			fmt.Fprintf(i.stdout, "%s  %-18s order %s, user %q: %s, %d %s, cancelled %d, seen %s\n", p.ImpUID, p.Problem, p.MerchantUID,
				p.UserID, p.Status, p.Amount, p.Currency, p.CancelledAmount, p.SyncedAt.Format(time.RFC3339))
		}
		_, err = fmt.Fprintf(i.stdout, "%d payments have a problem\n", len(found))
		return err
	})
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

func printJSON(w io.Writer, found []point.Payment) error {
	lines := json.NewEncoder(w)
	for _, p := range found {
		err := lines.Encode(problemJSON{p.ImpUID, p.Problem, p.MerchantUID, p.UserID, p.Status, p.Amount, p.CancelledAmount,
			p.Currency, p.PaidAt, p.SyncedAt})
		if err != nil {
			return err
		}
	}
	return nil
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
