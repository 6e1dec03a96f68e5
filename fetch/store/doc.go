// Package store reads a directory of dotenv files as a source of secrets: the
// embedded default of infuse (a file: URL) and what fills the development server.
//
//	DIR/dev.env              environment dev, folder /
//	DIR/dev/backend.env      environment dev, folder /backend
//	DIR/dev/backend/db.env   environment dev, folder /backend/db
//	DIR/prod/                environment prod, even without DIR/prod.env
//
// Files are read by godotenv, whose own $ rules come first: in a bare or
// double-quoted value $NAME and ${NAME} mean an earlier name of the same file.
// A value that shall keep a reference for the store to expand stands in single quotes:
//
//	URL='postgres://${DB_HOST}/app'          # same folder
//	KEY='${prod.backend.API_KEY}'            # environment prod, folder /backend
//
// Nothing is cached: every call reads the files again, so a caller that
// watches the directory only has to ask once more. Errors name a file and,
// where the reader knows it, a line; never a value. Files and directories whose
// names start with a dot are ignored, symbolic links are followed.
package store
