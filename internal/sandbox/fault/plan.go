// Package fault decides about faults at the pretend Iamport: the names of the faults, the plan with
// the enabled faults, and the assignment of faults to events. The sandbox carries the faults out.
package fault

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Plan lists the enabled faults. The zero value enables no fault.
type Plan struct {
	// Seed makes a run repeatable; see Injector.
	Seed uint64 `json:"seed"`
	// Rate, from 0 to 1, is the share of requests, of webhooks and of payments with a fault. All
	// faults of an event are equally likely. Faults of a rule come first.
	Rate  json.Number `json:"rate,omitempty"`
	Down  bool        `json:"down"` // every connection is closed without an answer
	Rules []Rule      `json:"faults"`
}

// Rule enables one fault, and sets the fault's frequency.
type Rule struct {
	Name string `json:"name"`
	// Share of events, from 0 to 1, up to four decimals; empty is 1.
	Rate  json.Number `json:"rate,omitempty"`
	Count int         `json:"count,omitempty"` // how often at most; 0 is without end
	// Message replaces the answer's message, for 429 and the gateway's own refusals.
	Message string `json:"message,omitempty"`
	// A route's pattern, or the beginning of some and "*"; empty is all.
	Route string `json:"route,omitempty"`
}

const (
	maxRules = 100
	maxCount = 1_000_000
)

// Check returns the plan's first mistake. routes are the patterns allowed in a rule.
func (p Plan) Check(routes []string) error {
	if _, err := parseShare(p.Rate, 0); err != nil {
		return err
	}
	if len(p.Rules) > maxRules {
		return fmt.Errorf("there are %d faults, more than %d", len(p.Rules), maxRules)
	}
	for _, r := range p.Rules {
		if err := r.checkFields(routes); err != nil {
			return fmt.Errorf("fault %q: %w", r.Name, err)
		}
	}
	return nil
}

func (r Rule) checkFields(routes []string) error {
	if err := r.checkWithoutRoute(); err != nil {
		return err
	}
	if e := eventOf(r.Name); r.Route != "" && e != OnRequest {
		return fmt.Errorf("it happens to a %s, which has no route", e)
	}
	if r.Name == CancelPending && !r.matchesRoute(cancelRoute) {
		return errors.New("it happens to " + cancelRoute + " only")
	}
	if r.Route != "" && !slices.ContainsFunc(routes, r.matchesRoute) {
		return fmt.Errorf("no route is %q; there are %s", r.Route, strings.Join(routes, ", "))
	}
	return nil
}

// checkWithoutRoute checks all but the route.
func (r Rule) checkWithoutRoute() error {
	if eventOf(r.Name) == "" {
		return errors.New("there is no such fault; there are " + strings.Join(Names(), ", "))
	}
	if _, err := parseShare(r.Rate, wholeShare); err != nil {
		return err
	}
	if r.Count < 0 || r.Count > maxCount {
		return fmt.Errorf("the count %d is not from 0 to %d", r.Count, maxCount)
	}
	if r.Message != "" && !hasMessage(r.Name) {
		return errors.New("its answer has no message")
	}
	return nil
}

// Covers tells whether the fault can happen to a request of that route.
func (r Rule) Covers(route string) bool {
	switch r.Name {
	case Unauthorized:
		return r.matchesRoute(route) && route != tokenRoute
	case CancelPending:
		return r.matchesRoute(route) && route == cancelRoute
	}
	return r.matchesRoute(route)
}

func (r Rule) matchesRoute(route string) bool {
	if beginning, ok := strings.CutSuffix(r.Route, "*"); ok {
		return strings.HasPrefix(route, beginning)
	}
	return r.Route == "" || r.Route == route
}

// Parse reads a plan in the syntax of flags and settings, with settings and faults separated by
// commas:
//
//	seed=7,rate=0.3
//	hang=0.1,429=1:2,reset=1:1@POST /payments/prepare,webhook-late,down=1
//
// A fault is name[=rate[:count][@route]]. Plan.Check checks the routes.
func Parse(text string) (Plan, error) {
	var p Plan
	for item := range strings.SplitSeq(text, ",") {
		name, value, given := strings.Cut(strings.TrimSpace(item), "=")
		var err error
		switch {
		case name == "" && !given:
		case name == "seed":
			p.Seed, err = strconv.ParseUint(value, 10, 64)
		case name == "down":
			p.Down, err = strconv.ParseBool(value)
		case name == "rate":
			p.Rate = json.Number(value)
			_, err = parseShare(p.Rate, 0)
		default:
			var r Rule
			r, err = parseRule(name, value)
			p.Rules = append(p.Rules, r)
		}
		if err != nil {
			return Plan{}, fmt.Errorf("%q: %w", item, err)
		}
	}
	return p, nil
}

func parseRule(name, value string) (Rule, error) {
	r := Rule{Name: name}
	value, r.Route, _ = strings.Cut(value, "@")
	rate, count, counted := strings.Cut(value, ":")
	r.Rate = json.Number(rate)
	if counted {
		n, err := strconv.Atoi(count)
		if err != nil {
			return Rule{}, fmt.Errorf("the count %q is no number", count)
		}
		r.Count = n
	}
	return r, r.checkWithoutRoute()
}

// A share is part of a whole, in ten-thousandths, so that rates stay exact.
const (
	wholeShare    = int64(10_000)
	shareDecimals = 4
)

// parseShare reads a rate, or returns otherwise for an empty one.
func parseShare(rate json.Number, otherwise int64) (int64, error) {
	if rate == "" {
		return otherwise, nil
	}
	whole, fraction, _ := strings.Cut(string(rate), ".")
	fraction = strings.TrimRight(fraction, "0")
	if len(fraction) <= shareDecimals && strings.Trim(whole+fraction, "0123456789") == "" {
		units, err := strconv.ParseInt(whole, 10, 64)
		part, _ := strconv.ParseInt((fraction + "0000")[:shareDecimals], 10, 64)
		if err == nil && units <= 1 && units*wholeShare+part <= wholeShare {
			return units*wholeShare + part, nil
		}
	}
	return 0, fmt.Errorf("the rate %q is not a number from 0 to 1 with up to four decimals", rate)
}
