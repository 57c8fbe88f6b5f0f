package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pointcharge/internal/config"
)

func TestAWayToPayHasItsChannelOrTheDefault(t *testing.T) {
	t.Parallel()
	c := load(t, live().with(environment{"IAMPORT_CHANNELS": " CARD=channel-key-card, KAKAOPAY = channel-key-kakao ,PHONE,"}))
	if diff := cmp.Diff(config.Channels{"CARD": "channel-key-card", "KAKAOPAY": "channel-key-kakao", "PHONE": ""}, c.IamportChannels); diff != "" {
		t.Error(diff)
	}
	for method, want := range map[string]string{"CARD": "channel-key-card", "KAKAOPAY": "channel-key-kakao",
		"PHONE": "channel-key-893597d6", "TOSSPAY": "channel-key-893597d6"} {
		if got := c.ChannelFor(method); got != want {
			t.Errorf("%s goes through %s, want %s", method, got, want)
		}
	}
	if c := load(t, live()); len(c.IamportChannels) != 0 || c.ChannelFor("CARD") != "channel-key-893597d6" {
		t.Errorf("without the setting: %v", c.IamportChannels)
	}
}

func TestWrongChannelsAreRefused(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"BITCOIN=channel-key", "card=channel-key", "CARD=", "CARD=a,CARD=b", "CARD=a b", "channel-key-1", "=x", "CARD=a;KAKAOPAY=b"} {
		_, err := config.Load(live().with(environment{"IAMPORT_CHANNELS": bad}).get)
		if err == nil || !strings.Contains(err.Error(), "IAMPORT_CHANNELS is wrong") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
