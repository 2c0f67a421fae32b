//! A picture on the graphics card that is put there again and again.

use egui::{ImageData, TextureHandle, TextureId, TextureOptions};

/// See the file.
pub struct Texture {
    handle: Option<TextureHandle>,
    options: TextureOptions,
}

impl Default for Texture {
    /// Enlarged without smoothing: what is seen are the values.
    fn default() -> Self {
        Self {
            handle: None,
            options: TextureOptions::NEAREST,
        }
    }
}

impl Texture {
    /// Enlarged with values between values.
    pub fn smooth() -> Self {
        Self {
            handle: None,
            options: TextureOptions::LINEAR,
        }
    }

    /// Puts a picture in the place of the one before.
    pub fn set(&mut self, ctx: &egui::Context, name: &str, pixels: impl Into<ImageData>) {
        match &mut self.handle {
            Some(handle) => handle.set(pixels, self.options),
            None => self.handle = Some(ctx.load_texture(name, pixels, self.options)),
        }
    }

    /// What it is drawn by, once there is a picture.
    pub fn id(&self) -> Option<TextureId> {
        self.handle.as_ref().map(TextureHandle::id)
    }

    /// Its size, pixels, once there is a picture.
    pub fn size(&self) -> Option<egui::Vec2> {
        self.handle.as_ref().map(TextureHandle::size_vec2)
    }
}
