package config

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Channels are payment channels (채널 키) by way to pay, as in CARD. An empty one means
// IamportChannelKey.
type Channels map[string]string

// payMethods are the ways to pay, as the API's schema names them.
func payMethods() []string {
	return []string{"CARD", "BANK_TRANSFER", "VIRTUAL_ACCOUNT", "PHONE", "KAKAOPAY", "NAVERPAY", "TOSSPAY", "PAYCO"}
}

var channelForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}$`)

// UnmarshalText reads a list separated by commas: CARD=channel-key-1,KAKAOPAY=channel-key-2,PHONE.
func (c *Channels) UnmarshalText(text []byte) error {
	*c = Channels{}
	for entry := range strings.SplitSeq(string(text), ",") {
		method, channel, keyed := strings.Cut(strings.TrimSpace(entry), "=")
		method, channel = strings.TrimSpace(method), strings.TrimSpace(channel)
		_, twice := (*c)[method]
		switch {
		case method == "" && !keyed:
			continue // a comma too many
		case !slices.Contains(payMethods(), method):
			return fmt.Errorf("%q is not a way to pay; they are %s", method, strings.Join(payMethods(), ", "))
		case twice:
			return fmt.Errorf("%s is there twice", method)
		case keyed && !channelForm.MatchString(channel):
			return fmt.Errorf("%q is not a channel key", channel)
		}
		(*c)[method] = channel
	}
	return nil
}

// ChannelFor returns the payment channel of a way to pay.
func (c Config) ChannelFor(method string) string {
	return cmp.Or(c.IamportChannels[method], c.IamportChannelKey)
}
