package cli

import (
	"context"
	"flag"
	"fmt"

	"pointcharge/internal/point"
)

// pointsFlags are the flags of the command points.
type pointsFlags struct {
	clawback  string // a user
	reverse   string // an ADJUST line
	amount    int64
	charge    string // a CHARGE line
	reference string
	reason    string
	allowDebt bool
}

// setUpPoints takes points back by hand, or reverses an adjustment.
func setUpPoints(flags *flag.FlagSet) task {
	var f pointsFlags
	flags.StringVar(&f.clawback, "clawback", "", "the user whose points are taken, because money went back that Iamport tells nothing of; what is missing becomes debt")
	flags.Int64Var(&f.amount, "amount", 0, "with -clawback: how many points")
	flags.StringVar(&f.charge, "charge", "", "with -clawback: the CHARGE line whose points are taken first")
	flags.StringVar(&f.reference, "reference", "", "with -clawback: your own id of it; the same one takes once")
	flags.StringVar(&f.reverse, "reverse", "", "the ADJUST line to reverse; it is reversed once")
	flags.BoolVar(&f.allowDebt, "allow-debt", false, "with -reverse: also take what the user has spent already")
	flags.StringVar(&f.reason, "reason", "", "why; it is kept")
	return task{
		check: func() error {
			return checkForm(flags, form{flag: "clawback", needs: []string{"amount", "reference", "reason"}, may: []string{"charge"}},
				form{flag: "reverse", needs: []string{"reason"}, may: []string{"allow-debt"}})
		},
		run: f.correct,
	}
}

func (f *pointsFlags) correct(ctx context.Context, r resources) error {
	actor, err := r.commandActor("")
	if err != nil {
		return err
	}
	line, err := f.write(ctx, r.services.Points, actor)
	if err != nil {
		return err
	}
	return printLine(r, line)
}

func (f *pointsFlags) write(ctx context.Context, points *point.Service, actor point.Actor) (point.Transaction, error) {
	if f.reverse != "" {
		return points.ReverseAdjustment(ctx, point.ReverseAdjustmentInput{TransactionID: f.reverse,
			AllowDebt: f.allowDebt, Reason: f.reason, Actor: actor})
	}
	return points.RecordClawback(ctx, point.ClawbackInput{UserID: f.clawback, Amount: f.amount,
		TransactionID: f.charge, Reference: f.reference, Reason: f.reason, Actor: actor})
}

// printLine tells what was written, so that it can be found again.
func printLine(r resources, line point.Transaction) error {
	_, err := fmt.Fprintf(r.stdout, "line %s of %s: %s %d, balance %d\n", line.ID, line.UserID, line.Kind, line.Amount, line.BalanceAfter)
	return err
}
