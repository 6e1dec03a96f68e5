package main

// What the manual says beyond the grammar. Paragraphs of manDescription hold
// roff markup, everything else is plain text.

func manDescription() []string {
	return []string{
		"\\fBinfuse run\\fR finds a credential, fetches the secrets of one project and environment from an Infisical server, " +
			"puts them into the environment and becomes COMMAND by \\fBexecve\\fR(2): nothing of infuse stays. " +
			"As process 1 it stays as an init that forwards signals and reaps orphans; with \\fB\\-\\-watch\\fR, \\fB\\-\\-mask\\fR or \\fB\\-\\-status\\-file\\fR it stays as the parent.",
		"The environment is put together in layers, low to high: the parent\\(aqs, without the credentials of infuse; the secrets; " +
			"\\fB\\-\\-env\\-file\\fR; \\fB\\-\\-set\\fR. Guarded names such as PATH and LD_PRELOAD are never set by a secret, unless \\fB\\-\\-allow\\-name\\fR lets them through.",
		"The credential is the first that is configured of: \\fB\\-\\-credential\\-process\\fR; a token or client id and secret on the command line; " +
			"the same in the environment; a workload identity (\\fB\\-\\-auth\\-method\\fR); the login of the official CLI. One that is configured but wrong is an error, not a reason to try the next.",
		"Standard output belongs to COMMAND, or is the data that was asked for. Every word of infuse goes to standard error.",
	}
}

func manStatuses() [][2]string {
	return [][2]string{
		{"COMMAND's own", "run: COMMAND exited. A COMMAND that died of signal n makes infuse die of it too: a shell shows 128+n, and as process 1 the status is 128+n."},
		{"127", "run: COMMAND was not found."},
		{"126", "run: COMMAND was found but could not be executed."},
		{"125", "run: infuse itself failed (usage, credentials, network, a refused environment) and COMMAND was not started."},
		{"0, 1, 2", "The other commands: done; failed; misused. diff: the same; different; failed."},
		{"130", "The other commands were interrupted."},
	}
}

func manFiles() [][2]string {
	return [][2]string{
		{".infisical.json", "The project, as `infisical init` writes it; looked up from the working directory upwards. " +
			"Settings for a team stand under its key \"infuse\", by the names of the options."},
		{"~/.infisical/infisical-config.json, ~/infisical-keyring/", "The login of the official CLI and its file vault. Only read."},
		{"$XDG_CACHE_HOME/infuse/", "Encrypted offline copies (--cache) and what completion remembers; by default below ~/.cache."},
		{"$XDG_CONFIG_HOME/infuse/trusted-domains.json", "What --trust-project-domain allowed; by default below ~/.config."},
	}
}

// manVariables are those that set no option.
func manVariables() [][2]string {
	return [][2]string{
		{"INFISICAL_CUSTOM_HEADERS", "Headers for every request, as the official CLI reads them."},
		{"INFISICAL_VERIFY_SSL", "false, 0 or no: the server's certificate is not verified. Says so each time."},
		{"INFISICAL_VAULT_FILE_PASSPHRASE", "Passphrase of the official CLI's file vault, where its config file has none."},
		{"HTTPS_PROXY, HTTP_PROXY, NO_PROXY", "The usual proxies."},
		{"SSL_CERT_FILE, SSL_CERT_DIR", "Roots instead of the system's."},
		{"NO_COLOR", "Honoured: infuse prints no colours."},
		{"SHELL", "Runs the string of run --command."},
	}
}
