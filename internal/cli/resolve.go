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

// resolveFlags are the flags of the command resolve.
type resolveFlags struct {
	in      charge.ResolveInput
	chosen  map[charge.Action]*bool
	by      string
	problem string // of all payments to decide about; empty for the one that is named
	limit   int
}

// defaultDecisions is how many payments of a kind are decided about, unless -limit says more.
const defaultDecisions = 100

// setUpResolve carries out an operator's decision about a payment, or about many that have the
// same problem.
func setUpResolve(flags *flag.FlagSet) task {
	f := &resolveFlags{chosen: map[charge.Action]*bool{
		charge.RefundIt: flags.Bool("refund", false, "give all its money back at Iamport"),
		charge.Accept:   flags.Bool("accept", false, "keep the money and give points by hand; of a credited payment, accept the books"),
		charge.Ignore:   flags.Bool("ignore", false, "leave it as it is"),
	}}
	flags.StringVar(&f.in.Reason, "reason", "", "why, for Iamport's console and for people")
	flags.StringVar(&f.by, "by", "", "a name that is kept beside the account of the operating system")
	flags.StringVar(&f.in.UserID, "user", "", "with -accept: who gets the points; the order's user by default")
	flags.Int64Var(&f.in.Points, "points", 0, "with -accept: how many; one for each won by default")
	flags.Func("account", "with -refund of a virtual account's payment: HOLDER,BANK,NUMBER,PHONE", func(text string) (err error) {
		f.in.Account, err = parseRefundAccount(text)
		return err
	})
	flags.StringVar(&f.problem, "problem", "", "decide about the payments with this problem, instead of one IMP_UID; with -refund or -ignore")
	flags.IntVar(&f.limit, "limit", defaultDecisions, "with -problem: about so many at most, from 1 to 500")
	return task{
		isBulk: func() bool { return f.problem != "" },
		check: func() (err error) {
			err = checkForm(flags, form{needs: []string{"reason"}, may: []string{"refund", "accept", "ignore", "by", "user", "points", "account"}},
				form{flag: "problem", needs: []string{"reason"}, may: []string{"refund", "ignore", "by", "limit"}})
			if err == nil {
				f.in.Action, err = chooseAction(f.chosen)
			}
			return err
		},
		run: func(ctx context.Context, r resources) (err error) {
			if f.in.Actor, err = r.commandActor(f.by); err != nil {
				return err
			}
			if f.problem != "" {
				return f.resolveMany(ctx, r)
			}
			return resolveOne(ctx, r, f.in)
		},
	}
}

func resolveOne(ctx context.Context, r resources, in charge.ResolveInput) error {
	in.ImpUID = r.operands[0]
	payment, err := r.services.Charges.Resolve(ctx, in)
	if err != nil {
		return err
	}
	return printResolved(r.stdout, in, payment)
}

// resolveMany decides about the payments with a problem, prints what became of each, and fails if
// one failed.
func (f *resolveFlags) resolveMany(ctx context.Context, r resources) error {
	results, err := r.services.Charges.ResolveMany(ctx, charge.ResolveManyInput{Filter: charge.ProblemFilter{Problem: charge.Problem(f.problem)},
		Limit: f.limit, Action: f.in.Action, Reason: f.in.Reason, Actor: f.in.Actor})
	if err != nil {
		return err
	}
	failed := 0
	for _, result := range results {
		if result.Err != nil {
			failed++
		}
		printResult(r.stdout, f.in.Action, result)
	}
	fmt.Fprintf(r.stdout, "decided about %s\n", formatCount(len(results)-failed, "payment", "payments"))
	if failed > 0 {
		return fmt.Errorf("%s not decided", formatCount(failed, "payment was", "payments were"))
	}
	return nil
}

func printResult(w io.Writer, action charge.Action, result charge.ManyResult) {
	if result.Err != nil {
		fmt.Fprintf(w, "payment %s: not decided: %v\n", result.ImpUID, result.Err)
		return
	}
	fmt.Fprintf(w, "payment %s: %s\n", result.ImpUID, action)
}

// printResolved names no status and amount of a payment that the gateway never showed.
func printResolved(w io.Writer, in charge.ResolveInput, payment charge.Payment) error {
	now := "Iamport has shown no usable answer about it"
	if payment.Currency != "" {
		now = fmt.Sprintf("now %s, %d %s, cancelled %d", payment.Status, payment.Amount, payment.Currency, payment.CancelledAmount)
	}
	_, err := fmt.Fprintf(w, "payment %s: %s by %s; %s\n", payment.ImpUID, in.Action, in.Actor.ID, now)
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
