package cli

import (
	"os/user"

	"pointcharge/internal/point"
)

// commandActor returns the operator at the command line: the account of the operating system. Under
// sudo the account that called sudo stands before it: "sora>root". Only root's SUDO_USER counts,
// because every other user may set the variable. A name given by the operator is added to the
// account, never put in the account's place.
func (r resources) commandActor(name string) (point.Actor, error) {
	current, err := user.Current()
	if err != nil {
		return point.Actor{}, err
	}
	account := current.Username
	if caller := r.getenv("SUDO_USER"); caller != "" && current.Uid == "0" {
		account = caller + ">" + account
	}
	if name != "" {
		account += "/" + name
	}
	return point.Actor{Kind: point.ActorCommand, ID: account}, nil
}
