//go:build linux && !nokeyring

package vault_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/zalando/go-keyring"

	"infuse/creds/vault"
)

// inside marks the copy of this test that runs on a private D-Bus session.
const inside = "INFUSE_TEST_SECRET_SERVICE"

// need skips the test without the programs it needs, or fails where they are required.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("INFUSE_TEST_REQUIRE") == "1" {
				t.Fatalf("%s is required and not installed", program)
			}
			t.Skipf("skipped: %s is not installed", program)
		}
	}
}

// TestSecretService reads the auto vault from a real Secret Service: a
// gnome-keyring-daemon on a D-Bus session of its own, in a home of its own.
// The session lives as long as a second run of this test inside it.
func TestSecretService(t *testing.T) {
	if os.Getenv(inside) == "1" {
		onTheBus(t)
		return
	}
	need(t, "dbus-run-session", "gnome-keyring-daemon", "sh")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	private := t.TempDir()
	const script = `printf '\n' | gnome-keyring-daemon --unlock --components=secrets >/dev/null || exit 99
exec "$0" -test.run '^TestSecretService$' -test.v`
	cmd := exec.CommandContext(t.Context(), "dbus-run-session", "--", "sh", "-c", script, exe)
	cmd.Env = []string{
		inside + "=1", "HOME=" + private, "XDG_RUNTIME_DIR=" + private, "XDG_DATA_HOME=" + private + "/data",
		"PATH=" + os.Getenv("PATH"), "TMPDIR=" + private,
	}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestSecretService") {
		t.Fatalf("on the private bus: %v\n%s", err, out)
	}
}

func onTheBus(t *testing.T) {
	const email = "a/b%c+d@x"
	dir := home(t, map[string]any{"vaultBackendType": "auto", "loggedInUserEmail": email})
	open := func() (*vault.Login, error) {
		return vault.Open(t.Context(), vault.Config{Home: dir, SessionBus: os.Getenv("DBUS_SESSION_BUS_ADDRESS")})
	}
	if _, err := open(); err == nil || !strings.Contains(err.Error(), vault.ErrNoEntry.Error()) {
		t.Fatalf("without an entry: %v", err)
	}
	if err := keyring.Set("infisical-cli", email, string(entry(t, email, "from-the-keyring", false))); err != nil {
		t.Fatal(err)
	}
	login, err := open()
	if err != nil {
		t.Fatal(err)
	}
	if login.Token.Reveal() != "from-the-keyring" {
		t.Error("another token came back")
	}
}
