package sandbox

import (
	"maps"
	"slices"
	"strings"

	"pointcharge/internal/sandbox/fault"
)

// SetFaults makes the plan's faults happen in place of the former plan's, and refuses a plan with a
// mistake. It ends hangs. What former faults have put off still happens; see Deliver and Flush.
//
// fault.Injector describes how a seed decides. A request is told by its route and ids, a webhook by
// its payment and status, a payment by its id; an imp_uid that the sandbox generated counts as the
// number of its payment, and a merchant_uid as the first payment of its order. Not reproduced are:
// payments made by several callers at once, unless they bring their imp_uid; ids that the merchant
// draws anew, while no payment of theirs exists; which of several equal requests under way is the
// first, and so which of many takes the last of a count; and the times at which anything arrives.
func (s *Sandbox) SetFaults(p fault.Plan) error {
	if err := p.Check(s.faultyRoutes()); err != nil {
		return err
	}
	s.faults.Replace(p)
	return nil
}

// Down takes the whole sandbox down, so that every connection is closed without an answer, or up
// again. The routes for faults keep answering.
func (s *Sandbox) Down(down bool) { s.faults.SetDown(down) }

// Report is the present plan, the faults that happened since the sandbox began, and how much is due
// later.
type Report struct {
	fault.Plan
	Injected map[string]int `json:"injected"` // by the fault's name, and "down" for refused connections
	Later    int            `json:"later"`
}

// Faults returns the present plan and how often each fault really happened.
func (s *Sandbox) Faults() Report {
	plan, injected := s.faults.Report()
	return Report{Plan: plan, Injected: injected, Later: s.scheduler.pending()}
}

// faultyRoutes are the routes that faults can happen to: Iamport's own.
func (s *Sandbox) faultyRoutes() []string {
	all := slices.Sorted(maps.Keys(s.requests))
	return slices.DeleteFunc(all, func(route string) bool { return !isIamportRoute(route) })
}

func isIamportRoute(route string) bool {
	_, path, _ := strings.Cut(route, " ")
	return strings.HasPrefix(path, "/users/") || path == "/payments" ||
		strings.HasPrefix(path, "/payments/") || strings.HasPrefix(path, "/vbanks")
}

// identity names the payment in a way that a second run with the same seed can have again.
func (r *record) identity() string {
	if r.generatedID {
		return "#" + string(Won(r.seq))
	}
	return r.ImpUID
}
