package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"pointcharge/internal/charge"
)

// setUpResolve carries out an operator's decision about a payment.
func setUpResolve(flags *flag.FlagSet) task {
	in := charge.ResolveInput{}
	chosen := map[charge.Action]*bool{
		charge.RefundIt: flags.Bool("refund", false, "give all its money back at Iamport"),
		charge.Accept:   flags.Bool("accept", false, "keep the money and give points by hand; of a credited payment, accept the books"),
		charge.Ignore:   flags.Bool("ignore", false, "leave it as it is"),
	}
	flags.StringVar(&in.Reason, "reason", "", "why, for Iamport's console and for people")
	by := flags.String("by", "", "a name that is kept beside the account of the operating system")
	flags.StringVar(&in.UserID, "user", "", "with -accept: who gets the points; the order's user by default")
	flags.Int64Var(&in.Points, "points", 0, "with -accept: how many; one for each won by default")
	flags.Func("account", "with -refund of a virtual account's payment: HOLDER,BANK,NUMBER,PHONE", func(text string) (err error) {
		in.Account, err = parseRefundAccount(text)
		return err
	})
	return task{
		check: func() (err error) {
			in.Action, err = chooseAction(chosen)
			return err
		},
		run: func(ctx context.Context, r resources) (err error) {
			if in.Actor, err = r.commandActor(*by); err != nil {
				return err
			}
			in.ImpUID = r.operands[0]
			payment, err := r.services.Charges.Resolve(ctx, in)
			if err != nil {
				return err
			}
			return printResolved(r.stdout, in, payment)
		},
	}
}

func printResolved(w io.Writer, in charge.ResolveInput, payment charge.Payment) error {
	_, err := fmt.Fprintf(w, "payment %s: %s by %s; now %s, %d %s, cancelled %d\n", payment.ImpUID, in.Action, in.Actor.ID,
		payment.Status, payment.Amount, payment.Currency, payment.CancelledAmount)
	if err == nil && in.Action == charge.RefundIt && payment.CancelledAmount < payment.Amount {
		_, err = fmt.Fprintln(w, "the refund is under way; pointcharge refunds tells what becomes of it")
	}
	return err
}

// chooseAction returns the one action with a set flag.
func chooseAction(chosen map[charge.Action]*bool) (action charge.Action, err error) {
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

func parseRefundAccount(text string) (*charge.RefundAccount, error) {
	parts := strings.Split(text, ",")
	if len(parts) != 4 {
		return nil, errors.New("it must be HOLDER,BANK,NUMBER,PHONE")
	}
	return &charge.RefundAccount{Holder: parts[0], Bank: parts[1], Number: parts[2], Phone: parts[3]}, nil
}
