"""What is checked at the door: entities, inputs and list requests, by FlyteAdmin's rules and in its words."""
