package web

import (
	"net/netip"
	"testing"
	"time"

	"pointcharge/internal/apierror"
)

func TestLookupLimiterBoundsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	l := newLookupLimiter(nil, 1)
	here, there := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	leave := map[netip.Addr][]func(){}
	for _, source := range []netip.Addr{here, there} {
		for {
			release, err := l.admitNotice(notice{source: source})
			if err != nil {
				if apierror.CodeOf(err) != apierror.RateLimited {
					t.Fatal(err)
				}
				break
			}
			leave[source] = append(leave[source], release)
		}
	}
	if len(leave[here]) != sourceUnderWay || len(leave[there]) != maxUnderWay-sourceUnderWay {
		t.Errorf("%d and %d of two addresses are under way", len(leave[here]), len(leave[there]))
	}
	release, err := l.admitNotice(notice{source: here, fromPayer: true})
	if err != nil {
		t.Fatalf("webhooks keep payers out: %v", err) // of one address with both
	}
	release()
	leave[there][0]()
	if _, err := l.admitNotice(notice{}); err != nil {
		t.Errorf("refused when one had left: %v", err)
	}
}

func TestLookupLimiterBoundsTheWaitersOfAnOwner(t *testing.T) {
	t.Parallel()
	l := newLookupLimiter(nil, 1)
	for range ownerUnderWay {
		if _, err := l.enterQueue("mallory"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.enterQueue("mallory"); apierror.CodeOf(err) != apierror.RateLimited {
		t.Errorf("one more is answered with %v", err)
	}
	if _, err := l.enterQueue("minji"); err != nil {
		t.Errorf("another owner is refused: %v", err)
	}
}

func TestDefaultTimeoutEndsBeforeIamports(t *testing.T) {
	t.Parallel()
	if got := New(Config{}).cfg.Timeout; got <= 0 || got >= 30*time.Second {
		t.Errorf("the timeout is %s", got)
	}
}
