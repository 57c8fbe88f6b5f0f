package charge

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"pointcharge/internal/apierror"
	"pointcharge/internal/point"
)

// maxDecisions is how many payments one call decides about at most.
const maxDecisions = 500

// ResolveManyInput is one decision about many payments: those of ImpUIDs, or the first of a kind.
type ResolveManyInput struct {
	ImpUIDs []string      // at most 500
	Filter  ProblemFilter // the kind, without ImpUIDs; must name a Problem
	Limit   int           // of payments of the kind, from 1 to 500
	Action  Action        // Refund or Ignore: points are given one by one
	Reason  string
	Actor   point.Actor // an operator
}

// ManyResult is the outcome of a decision for one payment.
type ManyResult struct {
	ImpUID string
	Err    error // why no decision was made; an Error of Resolve
}

// ResolveMany decides about many payments, each in its own transaction and with its own row: a
// failure stops no other payment. IGNORE uses the written payment, without asking the gateway.
// Errors before any decision: InvalidArgument and Forbidden.
func (s *Service) ResolveMany(ctx context.Context, in ResolveManyInput) ([]ManyResult, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	impUIDs := slices.Compact(slices.Sorted(slices.Values(in.ImpUIDs)))
	if len(impUIDs) == 0 {
		err := s.db.WithContext(ctx).Raw("SELECT imp_uid FROM payments WHERE "+in.Filter.condition()+
			" AND problem = ? ORDER BY imp_uid LIMIT ?", in.Filter.Problem, in.Limit).Scan(&impUIDs).Error
		if err != nil {
			return nil, fmt.Errorf("read problems: %w", err)
		}
	}
	results := make([]ManyResult, len(impUIDs))
	var group errgroup.Group
	group.SetLimit(sweepConcurrency)
	for i, impUID := range impUIDs {
		group.Go(func() error {
			results[i] = ManyResult{ImpUID: impUID, Err: apierror.RecoverPanic(func() error { return s.resolveOne(ctx, in, impUID) })}
			return nil
		})
	}
	_ = group.Wait() // they all return nil
	return results, nil
}

func (s *Service) resolveOne(ctx context.Context, in ResolveManyInput, impUID string) error {
	one := ResolveInput{ImpUID: impUID, Action: in.Action, Reason: in.Reason, Actor: in.Actor}
	if err := one.validate(); err != nil {
		return err
	}
	if in.Action == RefundIt {
		_, err := s.Resolve(ctx, one)
		return err
	}
	_, err := s.decide(ctx, one, gatewayWord{})
	return err
}

func (in ResolveManyInput) validate() error {
	if err := checkDecision(in.Actor, in.Reason); err != nil {
		return err
	}
	switch {
	case in.Action != RefundIt && in.Action != Ignore:
		return apierror.Invalid("action", "Many payments can be refunded or ignored; points are given one by one.")
	case len(in.ImpUIDs) > maxDecisions:
		return apierror.Invalid("impUids", "At most %d payments are decided about at a time.", maxDecisions)
	case len(in.ImpUIDs) > 0:
		return nil
	case in.Filter.Problem == NoProblem:
		return apierror.Invalid("filter", "Say which payments, or which problem.")
	case in.Limit < 1 || in.Limit > maxDecisions:
		return apierror.Invalid("limit", "limit must be from 1 to %d.", maxDecisions)
	}
	return nil
}
