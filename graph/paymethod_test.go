package graph_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"pointcharge/graph"
	"pointcharge/internal/apierror"
	"pointcharge/internal/charge"
)

const opened = `mutation($m: PayMethod!) { createChargeOrder(productId: "p1", payMethod: $m) { merchantUid checkout {
	channelKey name digital naverProducts { categoryType categoryId uid name count } } } }`

func TestAShopTakesAllWaysToPayThroughOneChannel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	names := []any{}
	for _, value := range schema(t).Types["PayMethod"].EnumValues {
		names = append(names, value.Name)
		w.want(w.ask("minji", opened, "m", value.Name), "channel", "createChargeOrder", "checkout", "channelKey")
	}
	if diff := cmp.Diff(any(names), w.askAs("", `{ payMethods }`).at("payMethods")); diff != "" {
		t.Errorf("payMethods (-schema +got):\n%s", diff)
	}
}

func TestAShopTakesOnlyTheWaysToPayThatHaveAChannel(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world, r *graph.Resolver) {
		w.points.PayMethods = []charge.PayMethod{charge.PayByCard, charge.PayByKakaoPay}
		r.Channels = graph.Channels{charge.PayByKakaoPay: "channel-kakao", charge.PayByCard: "channel-card"}
	})
	if diff := cmp.Diff(any([]any{"CARD", "KAKAOPAY"}), w.ask("minji", `{ payMethods }`).at("payMethods")); diff != "" {
		t.Errorf("payMethods (-want +got):\n%s", diff)
	}
	w.want(w.ask("minji", opened, "m", "KAKAOPAY"), "channel-kakao", "createChargeOrder", "checkout", "channelKey")
	w.want(w.ask("minji", opened, "m", "CARD"), "channel-card", "createChargeOrder", "checkout", "channelKey")
	const prepare = "POST /payments/prepare"
	asked := w.gateway.Requests()[prepare]
	w.wantCode(w.ask("minji", opened, "m", "TOSSPAY"), apierror.InvalidArgument)
	if asked == 0 || w.gateway.Requests()[prepare] != asked {
		t.Error("the gateway was asked for an order that was refused")
	}
}

func TestOnlyPhoneBillsAreDigital(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want(w.ask("minji", opened, "m", "PHONE"), true, "createChargeOrder", "checkout", "digital")
	w.want(w.ask("minji", opened, "m", "CARD"), nil, "createChargeOrder", "checkout", "digital")
}

func TestNaverPayIsToldTheProduct(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.ask("minji", opened, "m", "NAVERPAY").at("createChargeOrder", "checkout", "naverProducts")
	want := []any{map[string]any{"categoryType": "ETC", "categoryId": "ETC", "uid": "p1", "name": "포인트", "count": 1.0}}
	if diff := cmp.Diff(any(want), got); diff != "" {
		t.Errorf("naverProducts (-want +got):\n%s", diff)
	}
	w.want(w.ask("minji", opened, "m", "KAKAOPAY"), nil, "createChargeOrder", "checkout", "naverProducts")
}
