// Package hygiene finds the API tokens that nobody should need any more:
// orphaned ones, whose creator has left, and unused ones. Once a day it warns
// the people who run a workspace, reminds them once, and then is silent until
// something changes. It never revokes.
package hygiene
