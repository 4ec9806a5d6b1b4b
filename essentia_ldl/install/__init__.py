"""Models under the names that programs know, checked, and the trees and pages around them."""
