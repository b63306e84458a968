namespace EntityActors.Storage.Model;

/// <summary>Where an entity stands in its life. The numbers are part of the format.</summary>
public enum Lifecycle
{
    Active = 1,
    Deleted = 2,
    Archived = 3,
    Purged = 4,
}
