package environ

import "strings"

// guardedName knows what changes which program runs, which code it loads or where it looks
// for its files. Whoever may write a secret would own every process that gets
// it, so the store may not set them. The list is the union of what the official
// Infisical CLI drops, what the Doppler CLI calls dangerous
// (https://docs.doppler.com/docs/accessing-secrets#injection) and the loaders
// and interpreters that both forget. A switch is code and data, where a map would
// be built in front of every start.
func guardedName(name string) bool {
	switch name {
	case "PATH", "HOME", "USER", "LOGNAME", "SHELL", "PWD", "OLDPWD", "TERM", "TERMINFO", "TERMINFO_DIRS", "TERMCAP",
		"MAIL", "EDITOR", "VISUAL", "PAGER", "BROWSER", "HOSTNAME", "XAUTHORITY",
		"PS0", "PS1", "PS2", "PS3", "PS4", "PROMPT_COMMAND", "BASH_ENV", "ENV", "IFS", "SHELLOPTS", "BASHOPTS", "CDPATH", "ZDOTDIR", "FPATH",
		"GCONV_PATH", "GETCONF_DIR", "GLIBC_TUNABLES", "HOSTALIASES", "LOCALDOMAIN", "LOCPATH", "NIS_PATH", "NLSPATH",
		"RESOLV_HOST_CONF", "RES_OPTIONS",
		"NODE_OPTIONS", "NODE_PATH", "NODE_VERSION",
		"PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONWARNINGS", "PYTHONINSPECT", "PYTHONUSERBASE",
		"PYTHONBREAKPOINT", "PYTHONEXECUTABLE", "PYTHONPLATLIBDIR",
		"PERL5LIB", "PERLLIB", "PERL5OPT", "PERL5DB", "PERL5SHELL",
		"RUBYOPT", "RUBYLIB", "RUBYSHELL", "GEM_HOME", "GEM_PATH",
		"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH",
		"PHPRC", "PHP_INI_SCAN_DIR", "LUA_INIT", "LUA_PATH", "LUA_CPATH",
		"DOTNET_STARTUP_HOOKS", "DOTNET_ADDITIONAL_DEPS",
		"COR_ENABLE_PROFILING", "COR_PROFILER", "COR_PROFILER_PATH",
		"CORECLR_ENABLE_PROFILING", "CORECLR_PROFILER", "CORECLR_PROFILER_PATH",
		"GODEBUG", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_EXEC_PATH", "GIT_EDITOR", "GIT_SEQUENCE_EDITOR",
		"GIT_PAGER", "GIT_EXTERNAL_DIFF", "GIT_PROXY_COMMAND", "GIT_TEMPLATE_DIR", "SSH_ASKPASS",
		"LESSOPEN", "LESSCLOSE", "INPUTRC", "R_PROFILE", "R_PROFILE_USER", "MAVEN_OPTS",
		"RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_RUSTC_WRAPPER", "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
		"OPENSSL_CONF", "OPENSSL_ENGINES", "OPENSSL_MODULES", "SSLKEYLOGFILE",
		"SYSTEMROOT", "WINDIR", "COMSPEC", "PATHEXT", "PSMODULEPATH", "USERPROFILE", "APPDATA", "LOCALAPPDATA":
		return true
	}
	return false
}

// guardedPrefixes guard every name below them. BASH_FUNC_ holds functions that
// a bash child defines at start.
var guardedPrefixes = []string{
	"LD_", "DYLD_", "XDG_", "LC_", "BASH_FUNC_", "GIT_CONFIG",
	"LUA_INIT_", "LUA_PATH_", "LUA_CPATH_",
}

// pristineNames are what Config.Pristine keeps of the parent.
var pristineNames = []string{
	"PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "TZ", "LANG", "LC_*", "TMPDIR",
}

// pristineWindowsNames are kept there as well: without them few programs start.
var pristineWindowsNames = []string{
	"SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "TEMP", "TMP",
	"USERNAME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PROGRAMFILES",
}

// Guarded reports whether the store may not set name. With fold, case does not
// count.
func Guarded(name string, fold bool) bool {
	if fold {
		name = strings.ToUpper(name)
	}
	if guardedName(name) {
		return true
	}
	for _, prefix := range guardedPrefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
