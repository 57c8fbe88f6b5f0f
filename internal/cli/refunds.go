package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"pointcharge/internal/charge"
	"pointcharge/internal/point"
)

// refundsFlags are the flags of the command refunds.
type refundsFlags struct {
	release, book, of string // ids of refunds
	force             bool
	amount            int64
	reason            string
}

// setUpRefunds syncs the payments of open refunds and lists the open refunds, or ends one refund
// by an operator's decision, or lists the decisions about one.
func setUpRefunds(flags *flag.FlagSet) task {
	var f refundsFlags
	flags.StringVar(&f.release, "release", "", "the refund that will never come; its points become spendable again. Iamport is asked first")
	flags.BoolVar(&f.force, "force", false, "with -release: without asking Iamport")
	flags.StringVar(&f.book, "book", "", "the refund whose money went back although Iamport does not say so; Iamport is not asked")
	flags.Int64Var(&f.amount, "amount", 0, "with -book: how much of it went back, in won")
	flags.StringVar(&f.of, "of", "", "list what operators decided about the refund with this id instead")
	flags.StringVar(&f.reason, "reason", "", "why; it is kept")
	return task{
		check: func() error {
			return checkForm(flags, form{}, form{flag: "release", needs: []string{"reason"}, may: []string{"force"}},
				form{flag: "book", needs: []string{"amount", "reason"}}, form{flag: "of"})
		},
		run: func(ctx context.Context, r resources) error {
			switch {
			case f.of != "":
				return listRefundDecisions(ctx, r.stdout, r.services.Charges, f.of)
			case f.release != "" || f.book != "":
				return f.endRefund(ctx, r)
			}
			return listRefunds(ctx, r.stdout, r.services.Charges)
		},
	}
}

func (f refundsFlags) endRefund(ctx context.Context, r resources) error {
	actor, err := r.commandActor("")
	if err != nil {
		return err
	}
	var refund charge.Refund
	if f.release != "" && !f.force {
		refund, err = r.services.Charges.ReleaseRefund(ctx, actor, f.release, f.reason)
	} else {
		refund, err = r.services.Charges.ForceRefund(ctx, f.decision(actor))
	}
	if err == nil {
		_, err = fmt.Fprintf(r.stdout, "refund %s is %s\n", refund.ID, refund.Status)
	}
	return err
}

// decision returns what the operator decides without the gateway.
func (f refundsFlags) decision(actor point.Actor) charge.ForceRefundInput {
	in := charge.ForceRefundInput{RefundID: f.release, Outcome: charge.ReleaseIt, Reason: f.reason, Actor: actor}
	if f.book != "" {
		in.RefundID, in.Outcome, in.Amount = f.book, charge.BookIt, f.amount
	}
	return in
}

// listRefunds lists the open refunds also when the look-up of some failed, and then fails.
func listRefunds(ctx context.Context, w io.Writer, charges *charge.Service) error {
	report, failure := charges.SyncRefunds(ctx)
	failure = errors.Join(failure, report.Err)
	open, err := charges.OpenRefunds(ctx)
	if err != nil {
		return errors.Join(failure, err)
	}
	for _, r := range open {
		fmt.Fprintf(w, "refund %s of payment %s: %d, %s since %s\n", r.ID, r.ImpUID, r.Amount, r.Status, r.CreatedAt.Format(time.RFC3339))
	}
	_, err = fmt.Fprintf(w, "%s under way\n", formatCount(len(open), "refund is", "refunds are"))
	return errors.Join(failure, err)
}

// listRefundDecisions prints the decisions about a refund, the oldest first.
func listRefundDecisions(ctx context.Context, w io.Writer, charges *charge.Service, id string) error {
	decisions, err := charges.RefundDecisions(ctx, id)
	for _, d := range decisions {
		fmt.Fprintf(w, "%s  %-7s %d by %s: %s\n", d.CreatedAt.Format(time.RFC3339), d.Outcome, d.Amount, d.Actor.ID, d.Reason)
	}
	if err != nil || len(decisions) > 0 {
		return err
	}
	return printUndecided(w, "refund", id)
}

// printUndecided says that nothing was decided, so that an operator who mistyped the id sees more
// than an empty answer.
func printUndecided(w io.Writer, what, id string) error {
	_, err := fmt.Fprintf(w, "no decision about %s %s\n", what, id)
	return err
}
