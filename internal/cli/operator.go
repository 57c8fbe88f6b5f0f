package cli

import (
	"os/user"

	"pointcharge/internal/point"
)

// commandActor returns the operator at the command line: the account of the operating system, behind
// sudo the account that called it. A name that the operator gives is added to it, never put in its place.
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
