package cli

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
)

// form is one way to use a command: the flag that chooses it, the flags it needs and those it may
// have. The form without a flag of its own is what the command does when no form is chosen.
type form struct {
	flag       string
	needs, may []string
}

// checkForm refuses flags that do not make up one of the forms. A form's own flag needs a value: an
// empty shell variable must not choose another form.
func checkForm(flags *flag.FlagSet, forms ...form) error {
	var given []string
	flags.Visit(func(f *flag.Flag) { given = append(given, f.Name) })
	chosen, err := chooseForm(given, forms)
	if err != nil {
		return err
	}
	if chosen.flag != "" && flags.Lookup(chosen.flag).Value.String() == "" {
		return fmt.Errorf("-%s is empty", chosen.flag)
	}
	for _, name := range chosen.needs {
		if !slices.Contains(given, name) {
			return chosen.lack(name)
		}
	}
	for _, name := range given {
		if name != chosen.flag && !slices.Contains(chosen.needs, name) && !slices.Contains(chosen.may, name) {
			return chosen.refuse(name)
		}
	}
	return nil
}

func chooseForm(given []string, forms []form) (form, error) {
	var chosen []form
	var names []string
	var plain *form
	for _, f := range forms {
		switch {
		case f.flag == "":
			plain = &f
			continue
		case slices.Contains(given, f.flag):
			chosen = append(chosen, f)
		}
		names = append(names, "-"+f.flag)
	}
	switch {
	case len(chosen) == 1:
		return chosen[0], nil
	case len(chosen) == 0 && plain != nil:
		return *plain, nil
	}
	return form{}, errors.New("choose one of " + strings.Join(names, ", "))
}

func (f form) lack(name string) error {
	if f.flag == "" {
		return fmt.Errorf("-%s is missing", name)
	}
	return fmt.Errorf("-%s needs -%s", f.flag, name)
}

func (f form) refuse(name string) error {
	if f.flag == "" {
		return fmt.Errorf("-%s says nothing by itself", name)
	}
	return fmt.Errorf("-%s cannot be combined with -%s", name, f.flag)
}
