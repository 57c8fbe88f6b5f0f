//go:build unix

package torture_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"pointcharge/internal/sandbox"
)

// decision is an operator's decision about a payment, and its row in the books.
type decision struct {
	ImpUID, Problem, Action, Reason, Operator string

	CancelledAmount int64
	DepositCount    int
	Line            string // of points given by hand
	user            string // known to the request only, not to the row
	points          int64
}

func (d decision) hasPoints() bool { return d.Line != "" }

// settles tells whether the decision answers the problem that the payment has now.
func (d decision) settles(reason string, p sandbox.Payment) bool {
	return d.Action != "REFUND" && d.Problem == reason && d.CancelledAmount == minorUnits(p, p.CancelAmount) &&
		d.DepositCount == len(p.DepositHistory)
}

// listedProblem is a line of the command problems.
type listedProblem struct {
	ImpUID, Problem, Currency, UserID string
	Amount                            int64
}

// workAsOperator decides payments of the list of problems until ctx ends. Two decisions about the
// same payment often run at the same moment, not always to the same end. Some commands are killed
// halfway.
func (r *run) workAsOperator(ctx context.Context, name string, number uint64) {
	random := rand.New(rand.NewPCG(r.seed, 1<<41+number))
	for n := 0; pause(ctx, min(3*time.Second, time.Duration(r.orders)*5*time.Millisecond)); {
		listed := r.listProblems(ctx)
		if len(listed) == 0 {
			continue
		}
		p := listed[random.IntN(len(listed))]
		var both sync.WaitGroup
		for range 1 + random.IntN(2) {
			n++
			d := decision{ImpUID: p.ImpUID, Action: []string{"REFUND", "REFUND", "ACCEPT", "IGNORE"}[random.IntN(4)],
				Reason: fmt.Sprintf("%s-%d", name, n), Operator: name}
			if d.Action == "ACCEPT" {
				d.user, d.points = p.acceptedPoints(random)
			}
			patience := 20 * time.Second
			if random.IntN(4) == 0 {
				patience = time.Duration(50+random.IntN(400)) * time.Millisecond
			}
			both.Go(func() { r.runDecision(ctx, d, patience) })
		}
		both.Wait()
	}
}

func (r *run) listProblems(ctx context.Context) (listed []listedProblem) {
	text, err := r.servers[0].command(ctx, "problems", "-json")
	if err != nil {
		return nil // the database is down
	}
	for line := range strings.Lines(text) {
		var p listedProblem
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			r.Errorf("problems -json said %q: %v", line, err)
			return nil
		}
		listed = append(listed, p)
	}
	return listed
}

// acceptedPoints returns the points that an operator gives for an accepted payment: none for a
// payment that may have been credited.
func (p listedProblem) acceptedPoints(random *rand.Rand) (user string, points int64) {
	contradictory := slices.Contains([]string{"CANCELLED_AMOUNT", "ACCEPTED_CANCELLED"}, p.Problem)
	if contradictory || p.Problem == "DEPOSIT" && random.IntN(2) == 0 {
		return "", 0
	}
	user, points = p.UserID, p.Amount
	if p.UserID == "" {
		user = "u-0000"
	}
	if p.Currency != "KRW" || p.Problem == "DEPOSIT" {
		points = 777
	}
	return user, points
}

// runDecision runs the command resolve. Only the books tell its effect.
func (r *run) runDecision(ctx context.Context, d decision, patience time.Duration) {
	ctx, kill := context.WithTimeout(ctx, patience)
	defer kill()
	r.journal.recordDecision(d)
	if _, err := r.servers[0].command(ctx, d.arguments()...); err == nil {
		r.counts.decided.Add(1)
	}
}

func (d decision) arguments() []string {
	args := []string{"resolve", "-reason", d.Reason, "-by", d.Operator, "-" + strings.ToLower(d.Action)}
	switch {
	case d.Action == "REFUND":
		args = append(args, "-account", "김민지,004,12345678901234,01012345678")
	case d.points > 0:
		args = append(args, "-user", d.user, "-points", fmt.Sprint(d.points))
	}
	return append(args, d.ImpUID)
}

// countActions counts the decisions of each kind.
func (b books) countActions() map[string]int {
	done := map[string]int{}
	for _, decided := range b.decided {
		for _, d := range decided {
			done[d.Action]++
		}
	}
	return done
}

// expectDecisions fails a long run in which operators did not decide in every way.
func (r *run) expectDecisions(b books) {
	done := b.countActions()
	for _, action := range []string{"REFUND", "ACCEPT", "IGNORE"} {
		if r.orders >= 1000 && done[action] == 0 {
			r.Errorf("no operator has decided %s: %v", action, done)
		}
	}
}

// releaseHeldRefunds releases refunds that can no longer succeed, as operators do: no refund is
// under way at Iamport. Refunds of cards must end without an operator, unless a clock that
// was ahead dated them.
func (r *run) releaseHeldRefunds(ctx context.Context) error {
	text, err := r.servers[0].command(ctx, "refunds")
	if err != nil {
		return err
	}
	for line := range strings.Lines(text) {
		words := strings.Fields(line) // refund ID of payment IMP_UID: AMOUNT, STATUS since TIME
		if len(words) < 9 || words[0] != "refund" {
			continue
		}
		p, _ := r.gateway.Payment(strings.TrimSuffix(words[4], ":"))
		if words[6] == "HELD" && p.PayMethod == "card" {
			if since, err := time.Parse(time.RFC3339, words[8]); err != nil || since.Before(time.Now()) {
				continue
			}
			r.counts.futureRefunds++
		}
		_, err := r.servers[0].command(ctx, "refunds", "-release", words[1], "-reason", "the provider dropped it")
		if err != nil && !strings.Contains(err.Error(), "REFUND_NOT_POSSIBLE") { // it may still be under way
			return err
		}
	}
	return nil
}

// judgeDecisions requires that an operator asked for every decision, that points by hand match the
// request, and that no payment has both points by hand and an operator's refund.
func (b books) judgeDecisions(v verdict, j *journal, truth []sandbox.Payment) {
	byHand := map[string]lineRow{}
	for _, l := range b.lines {
		if l.Kind == "ADJUST" {
			byHand[l.ID] = l
		}
	}
	for impUID, decided := range b.decided {
		for _, d := range decided {
			asked := j.decided[d.Reason]
			if asked.ImpUID != impUID || asked.Action != d.Action || asked.Operator != d.Operator {
				v.add(impUID, "decision %+v was asked for as %+v", d, asked)
			}
			if !d.hasPoints() {
				continue
			}
			line := byHand[d.Line]
			if line.UserID != asked.user || line.Amount != asked.points || line.ImpUID != impUID || line.Amount <= 0 {
				v.add(impUID, "decision %+v was asked for as %+v and wrote %+v", d, asked, line)
			}
			delete(byHand, d.Line)
		}
	}
	for _, line := range byHand {
		v.add(line.ImpUID, "nobody decided %+v", line)
	}
	for _, p := range truth {
		if slices.ContainsFunc(b.decided[p.ImpUID], decision.hasPoints) {
			j.expectNoRefund(v, p)
		}
	}
}

func (j *journal) expectNoRefund(v verdict, p sandbox.Payment) {
	for _, c := range p.CancelHistory {
		if _, ours := j.decided[c.Reason]; ours {
			v.add(p.ImpUID, "points by hand, and %s given back by an operator", c.Amount)
		}
	}
}
