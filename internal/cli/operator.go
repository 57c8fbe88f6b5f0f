package cli

import (
	"os/user"

	"pointcharge/internal/point"
)

// commandActor returns the operator at the command line: the account of the operating system, or
// under sudo the account that called sudo. A name given by the operator is added to the account,
// never put in the account's place.
func (r resources) commandActor(name string) (point.Actor, error) {
	account := r.getenv("SUDO_USER")
	if account == "" {
		current, err := user.Current()
		if err != nil {
			return point.Actor{}, err
		}
		account = current.Username
	}
	if name != "" {
		account += "/" + name
	}
	return point.Actor{Kind: point.ActorCommand, ID: account}, nil
}
