package point

import "pointcharge/internal/apierror"

// ActorKind is the kind of caller that made a change.
type ActorKind string

// The kinds of actors.
const (
	ActorUser    ActorKind = "USER"    // the owner of the wallet; the id is the token's sub
	ActorService ActorKind = "SERVICE" // a shop's backend; the id is the token's sub
	ActorAdmin   ActorKind = "ADMIN"   // an operator with a token; the id is the token's sub
	ActorJob     ActorKind = "JOB"     // a background job; the id is the job's name
	ActorGateway ActorKind = "GATEWAY" // a webhook or a payment return, according to the id
	ActorCommand ActorKind = "COMMAND" // the command line; the id is the operator's name
)

// Actor (행위자) is the author of a change, and is stored with the change. Rows older than this rule
// have no kind.
type Actor struct {
	Kind ActorKind
	ID   string // 1 to 128 printable characters
}

// IsOperator tells whether the actor may decide for other users: an admin, or a person at the
// command line.
func (a Actor) IsOperator() bool { return a.Kind == ActorAdmin || a.Kind == ActorCommand }

// Validate returns an Error InvalidArgument unless the actor has a kind and an id that can be
// stored.
func (a Actor) Validate() error {
	if a.Kind == "" {
		return apierror.Invalid("actor", "An actor has a kind.")
	}
	return apierror.CheckText("actor", a.ID, 1, 128)
}

// service returns the sub of a calling service, which has its own references, and "" for every
// other actor.
func (a Actor) service() string {
	if a.Kind == ActorService {
		return a.ID
	}
	return ""
}
