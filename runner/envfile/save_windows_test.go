package envfile

func saveInChild(string) {}
