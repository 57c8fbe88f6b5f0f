package config_test

import (
	"slices"
	"testing"

	"pointcharge/internal/config"
)

func TestPortOfTheHostIsHonoured(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		env  environment
		want string
	}{
		"sandbox":        {environment{"PORT": "3000"}, "127.0.0.1:3000"},
		"remote sandbox": {environment{"PORT": "3000", "SANDBOX_REMOTE": "true"}, ":3000"},
		"live":           {live().with(environment{"PORT": "3000"}), ":3000"},
		"ADDR wins":      {live().with(environment{"PORT": "3000", "ADDR": "127.0.0.1:8081"}), "127.0.0.1:8081"},
	} {
		if got := load(t, test.env).Addr; got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
	if got := mistakeNames(t, environment{"PORT": "http"}); !slices.Equal(got, []string{"ADDR"}) {
		t.Errorf("complaints about %q", got)
	}
}

func TestUnknownNamesThatResembleSettings(t *testing.T) {
	t.Parallel()
	environ := []string{"IAMPORT_SECRT=x", "DATABASE_ULR=y", "graphql_max_cost=1", "IAMPORT_MODE=live", "PUBLIC_URI=z",
		"HOME=/", "NODE_ENV=production", "PORT=1", "MODE=live", "PATH=/bin", "HOSTNAME=a", "LANG=C", "NODE=1", "AUTH_SECRET=s"}
	var got []string
	for _, mistake := range config.Unknown(environ) {
		got = append(got, mistake.Name)
	}
	if want := []string{"IAMPORT_SECRT", "DATABASE_ULR", "graphql_max_cost", "IAMPORT_MODE", "PUBLIC_URI"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	const hint = "IAMPORT_SECRT is no setting and is ignored; did you mean IAMPORT_SECRET?"
	if text := config.Unknown(environ)[0].Error(); text != hint {
		t.Error(text)
	}
}

func TestFrontEndsInAppsAndBehindHashRoutes(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"https://shop.example/#/wallet", "https://shop.example/?a=b#/wallet/", "myapp://wallet", "myapp:///wallet", "com.example.shop:/wallet"} {
		if got := load(t, live().with(environment{"FRONTEND_URL": address})).FrontendURL; got != address && got+"/" != address {
			t.Errorf("%s became %s", address, got)
		}
	}
	for _, address := range []string{"javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "http://shop.example/#/wallet", "myapp://", "shop.example", "https://u:p@shop.example/#/x"} {
		if got := mistakeNames(t, live().with(environment{"FRONTEND_URL": address})); !slices.Equal(got, []string{"FRONTEND_URL"}) {
			t.Errorf("%s: complaints about %q", address, got)
		}
	}
}

func TestOriginsOfApps(t *testing.T) {
	t.Parallel()
	for origin, fine := range map[string]bool{"capacitor://localhost": true, "ionic://localhost": true, "tauri://localhost": true,
		"http://localhost": true, "http://shop.example": false, "file://": false, "file://host": false, "capacitor://": false, "capacitor://localhost/": false} {
		if got := mistakeNames(t, live().with(environment{"CORS_ORIGINS": origin})); fine != (len(got) == 0) {
			t.Errorf("%s: complaints about %q", origin, got)
		}
	}
}
