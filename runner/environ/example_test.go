package environ_test

import (
	"fmt"
	"os"

	"infuse/fetch/secret"
	"infuse/runner/environ"
)

func ExampleCompose() {
	plan, err := environ.Compose(environ.Config{
		Parent:      []string{"HOME=/root", "DB_URL=old", "INFISICAL_TOKEN=st.abc"},
		Credentials: []string{"INFISICAL_TOKEN"},
		Secrets: []environ.Secret{
			{Name: "DB_URL", Value: secret.New("postgres://db"), Source: "dev:/"},
			{Name: "LD_PRELOAD", Value: secret.New("/tmp/evil.so"), Source: "dev:/"},
		},
		Set: []environ.Var{{Name: "PORT", Value: secret.New("8080")}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(plan.Environ())
	fmt.Println(plan.Warnings)
	_ = plan.WriteText(os.Stdout, environ.TableConfig{})
	// Output:
	// [DB_URL=postgres://db HOME=/root PORT=8080]
	// [skipping guarded names: LD_PRELOAD (--allow-name NAME lets one through)]
	// NAME        FROM          BYTES  NOTE
	// DB_URL      secret dev:/  13     beats parent
	// PORT        set           4
	// LD_PRELOAD  secret dev:/  -      skipped: guarded
	// and 1 from the parent's environment
	// taken out of the parent's environment: INFISICAL_TOKEN
}
